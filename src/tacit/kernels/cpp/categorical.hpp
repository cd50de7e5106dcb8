// Independent categoricals given the component; a gap (a negative code) is skipped.
#pragma once
#include "part.hpp"

namespace tacit {

template <class T>
class Categorical final : public Part<T> {
  static constexpr int n = simd<T>::n, N = panel_rows<T>;
  using V = vec_t<T>;

  const Matrix codes;
  const int K, c, kp;      // kp: padded K
  std::vector<int> begin;  // of each column's table
  std::vector<int> size;
  int levels = 0;    // Σ sizes
  buffer<T> tables;  // [levels + 1, kp]: log p(level | k); the last row, of zeros, is the gap's
  double* counts;    // [K, levels] of the caller

  class Work final : public Worker<T> {
    const Categorical& p;
    int m = 0;
    std::vector<int32_t> at;  // [chunk, c], rows of the tables
    buffer<T> by_row;         // [N, kp]
    buffer<T> sums;           // [levels + 1, kp]

   public:
    Work(const Categorical& part, int chunk)
        : p(part),
          at(size_t(chunk) * p.c, p.levels),
          by_row(zeros<T>(size_t(N) * p.kp)),
          sums(zeros<T>(size_t(p.levels + 1) * p.kp)) {}

    void pack(int64_t lo, int count, bool) override {
      m = count;
      for (int j = 0; j < p.c; j++)
        read(p.codes.columns[j], [&](auto code) {
          for (int i = 0; i < m; i++) {
            const auto level = int64_t(code(lo + i));
            at[size_t(i) * p.c + j] = level >= 0 && level < p.size[j] ? p.begin[j] + int(level) : p.levels;
          }
        });
    }

    void log_prob(T* tile, int stride) override {
      for (int a = 0; a < m; a += N) {
        const int b = std::min(N, m - a);
        for (int i = 0; i < b; i++)
          for (int k = 0; k < p.kp; k += n) {
            V s = {};
            for (int j = 0; j < p.c; j++) s += load(&p.tables[size_t(at[size_t(a + i) * p.c + j]) * p.kp + k]);
            store(&by_row[size_t(i) * p.kp + k], s);
          }
        for (int k = 0; k < p.K; k++) {
          T* out = tile + size_t(k) * stride + a;
          for (int i = 0; i < b; i++) out[i] += by_row[size_t(i) * p.kp + k];
        }
      }
    }

    void accumulate(const T* tile, int stride) override {
      for (int a = 0; a < m; a += N) {
        const int b = std::min(N, m - a);
        for (int k = 0; k < p.K; k++) {
          const T* r = tile + size_t(k) * stride + a;
          for (int i = 0; i < b; i++) by_row[size_t(i) * p.kp + k] = r[i];
        }
        for (int i = 0; i < b; i++)
          for (int j = 0; j < p.c; j++) {
            T* s = &sums[size_t(at[size_t(a + i) * p.c + j]) * p.kp];
            for (int k = 0; k < p.kp; k += n) store(s + k, load(s + k) + load(&by_row[size_t(i) * p.kp + k]));
          }
      }
    }

    void flush(double* lane) override {
      for (int l = 0; l < p.levels; l++)
        for (int k = 0; k < p.K; k++) *lane++ += double(sums[size_t(l) * p.kp + k]);
      std::fill_n(sums.get(), size_t(p.levels + 1) * p.kp, T(0));
    }
  };

 public:
  Categorical(Matrix columns, int K, const int32_t* sizes, const double* log_prob, double* counts)
      : codes(std::move(columns)), K(K), c(codes.d()), kp(padded(K, n)), size(sizes, sizes + c), counts(counts) {
    for (int s : size) {
      begin.push_back(levels);
      levels += s;
    }
    tables = zeros<T>(size_t(levels + 1) * kp);
    for (int l = 0; l < levels; l++)
      for (int k = 0; k < K; k++) tables[size_t(l) * kp + k] = T(log_prob[size_t(k) * levels + l]);
  }

  size_t sums() const override { return size_t(levels) * K; }
  std::unique_ptr<Worker<T>> worker(int chunk) const override { return std::make_unique<Work>(*this, chunk); }
  void finish(const double* sums, const double*) const override {
    for (int l = 0; l < levels; l++)
      for (int k = 0; k < K; k++) counts[size_t(k) * levels + l] = sums[size_t(l) * K + k];
  }
};

}  // namespace tacit
