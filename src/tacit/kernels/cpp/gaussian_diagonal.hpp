// Gaussians with diagonal covariances; a gap (NaN) is skipped, cell by cell.
#pragma once
#include "part.hpp"

namespace tacit {

template <class T>
class GaussianDiagonal final : public Part<T> {
  static constexpr int n = simd<T>::n, NV = panel_vectors, N = panel_rows<T>;
  static constexpr int NQ = 4;  // vectors of columns accumulated at once
  using V = vec_t<T>;

  const Matrix x;
  const int K, d, ld;
  const Centres<T> centres;
  std::vector<T> inverse;           // [K, d], 1/σ
  std::vector<double> constant;     // [K, d], -log σ - ½ log 2π
  double *counts, *first, *second;  // [K, d] of the caller

  class Work final : public Worker<T> {
    const GaussianDiagonal& p;
    int m = 0;
    bool gaps = false;
    std::vector<char> gap;  // [d], whether the column has one in this chunk
    buffer<T> panels, rows, s0, s1, s2;

   public:
    Work(const GaussianDiagonal& part, int chunk)
        : p(part),
          gap(p.d),
          panels(allocate<T>(size_t(chunk) * p.d)),
          rows(zeros<T>(size_t(chunk) * p.ld)),
          s0(zeros<T>(size_t(p.K) * p.ld)),
          s1(zeros<T>(size_t(p.K) * p.ld)),
          s2(zeros<T>(size_t(p.K) * p.ld)) {}

    void pack(int64_t lo, int count) override {
      m = count;
      std::fill(gap.begin(), gap.end(), 0);
      for (int a = 0; a < m; a += N) {
        T* panel = panels.get() + size_t(a) * p.d;
        const int b = std::min(N, m - a);
        tacit::pack(p.x, lo + a, b, N, p.centres.shift.data(), panel);
        for (int i = 0; i < b; i++)
          for (int q = 0; q < p.d; q++) rows[size_t(a + i) * p.ld + q] = panel[q * N + i];
        for (int q = 0; q < p.d; q++) {
          bool any = false;
          for (int i = 0; i < b; i++) any |= panel[q * N + i] != panel[q * N + i];
          gap[q] |= any;
        }
      }
      gaps = std::find(gap.begin(), gap.end(), 1) != gap.end();
    }

    void log_prob(T* tile, int stride) override {
      const V most = broadcast(std::numeric_limits<T>::max() / 8);
      for (int k = 0; k < p.K; k++) {
        const T *rest = &p.centres.rest[size_t(k) * p.d], *inverse = &p.inverse[size_t(k) * p.d];
        const double* constant = &p.constant[size_t(k) * p.d];
        double whole = 0;
        for (int q = 0; q < p.d; q++) whole += gap[q] ? 0 : constant[q];
        for (int a = 0; a < m; a += N) {
          const T* panel = panels.get() + size_t(a) * p.d;
          V s[NV] = {}, c[NV];
          for (int u = 0; u < NV; u++) c[u] = broadcast(T(whole));
          for (int q = 0; q < p.d; q++, panel += N) {
            const V mean = broadcast(rest[q]), scale = broadcast(inverse[q]);
            if (!gap[q]) {
#pragma GCC unroll 8
              for (int u = 0; u < NV; u++) {
                const V y = (load(panel + u * n) - mean) * scale;
                s[u] += y * y;
              }
            } else {
              const V cell = broadcast(T(constant[q]));
              for (int u = 0; u < NV; u++) {
                const V y = (load(panel + u * n) - mean) * scale;
                s[u] += y == y ? y * y : V{};
                c[u] += y == y ? cell : V{};
              }
            }
          }
          T* out = tile + size_t(k) * stride + a;
          for (int u = 0; u < NV; u++)
            store(out + u * n, load(out + u * n) + (c[u] - T(0.5) * (s[u] < most ? s[u] : most)));
        }
      }
    }

    void accumulate(int k, const int* which, const T* r, int g) override {
      gaps ? scatter<true>(k, which, r, g) : scatter<false>(k, which, r, g);
    }

    template <bool Gaps>
    void scatter(int k, const int* which, const T* r, int g) {
      int q = 0;
      for (; q + NQ * n <= p.ld; q += NQ * n) moments<Gaps, NQ>(k, q, which, r, g);
      for (; q + 2 * n <= p.ld; q += 2 * n) moments<Gaps, 2>(k, q, which, r, g);
      for (; q < p.ld; q += n) moments<Gaps, 1>(k, q, which, r, g);
    }

    // S0 += Σ r, S1 += Σ r v, S2 += Σ r v² over observed cells v = x - μ_k
    template <bool Gaps, int Q>
    void moments(int k, int q, const int* which, const T* r, int g) {
      alignas(64) T mean[Q * n];
      for (int u = 0; u < Q * n; u++) mean[u] = q + u < p.d ? p.centres.rest[size_t(k) * p.d + q + u] : T(0);
      const size_t at = size_t(k) * p.ld + q;
      V a0[Q], a1[Q], a2[Q];
#pragma GCC unroll 4
      for (int u = 0; u < Q; u++) {
        a0[u] = load(&s0[at + u * n]);
        a1[u] = load(&s1[at + u * n]);
        a2[u] = load(&s2[at + u * n]);
      }
      for (int i = 0; i < g; i++) {
        const T* row = &rows[size_t(which[i]) * p.ld + q];
        const V ri = broadcast(r[i]);
#pragma GCC unroll 4
        for (int u = 0; u < Q; u++) {
          V v = load(row + u * n) - load(mean + u * n);
          if constexpr (Gaps) {
            a0[u] += v == v ? ri : V{};
            v = v == v ? v : V{};
          } else a0[u] += ri;
          const V rv = ri * v;
          a1[u] += rv;
          a2[u] += rv * v;
        }
      }
#pragma GCC unroll 4
      for (int u = 0; u < Q; u++) {
        store(&s0[at + u * n], a0[u]);
        store(&s1[at + u * n], a1[u]);
        store(&s2[at + u * n], a2[u]);
      }
    }

    void flush(double* lane) override {
      for (T* s : {s0.get(), s1.get(), s2.get()}) {
        for (int k = 0; k < p.K; k++)
          for (int q = 0; q < p.d; q++) *lane++ += double(s[size_t(k) * p.ld + q]);
        std::fill_n(s, size_t(p.K) * p.ld, T(0));
      }
    }
  };

 public:
  GaussianDiagonal(Matrix rows, int K, const double* means, const double* factor, double* counts, double* first,
                   double* second)
      : x(std::move(rows)),
        K(K),
        d(x.d()),
        ld(padded(d, n)),
        centres(means, K, d),
        inverse(factor, factor + size_t(K) * d),
        constant(size_t(K) * d),
        counts(counts),
        first(first),
        second(second) {
    for (size_t i = 0; i < constant.size(); i++) constant[i] = std::log(factor[i]) - 0.9189385332046727;  // ½ log 2π
  }

  size_t sums() const override { return 3 * size_t(K) * d; }
  std::unique_ptr<Worker<T>> worker(int chunk) const override { return std::make_unique<Work>(*this, chunk); }

  void finish(const double* sums, const double*) const override {
    const size_t size = size_t(K) * d;
    const double *s0 = sums, *s1 = s0 + size, *s2 = s1 + size;
    for (size_t i = 0; i < size; i++) {
      const double e = centres.error[i];
      counts[i] = s0[i];
      first[i] = s1[i] + s0[i] * e;
      second[i] = s2[i] + 2 * e * s1[i] + s0[i] * e * e;
    }
  }
};

}  // namespace tacit
