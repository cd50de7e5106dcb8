// Gaussians with diagonal covariances; a gap (NaN) is skipped, cell by cell.
#pragma once
#include "part.hpp"

namespace tacit {

template <class T>
class GaussianDiagonal final : public Part<T> {
  static constexpr int n = simd<T>::n, NV = panel_vectors, N = panel_rows<T>;
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

    void pack(int64_t lo, int count, bool sums) override {
      m = count;
      std::fill(gap.begin(), gap.end(), 0);
      for (int a = 0; a < m; a += N) {
        T* panel = panels.get() + size_t(a) * p.d;
        const int b = std::min(N, m - a);
        tacit::pack(p.x, lo + a, b, N, p.centres.shift.data(), panel);
        if (sums) unpack(panel, b, N, p.d, rows.get() + size_t(a) * p.ld, p.ld);
        for (int q = 0; q < p.d; q++) {
          V zero = {};  // NaN where there is a gap
          for (int u = 0; u < NV; u++) zero += load(panel + q * N + u * n) * T(0);
          for (int u = 0; u < n; u++) gap[q] |= zero[u] != zero[u];
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

    void accumulate(int k, const int* which, const T* r, int g, T total) override {
      T* counts = s0.get() + size_t(k) * p.ld;
      if (!gaps)
        for (int q = 0; q < p.ld; q++) counts[q] += total;
      int q = 0;
      for (; q + 2 * n <= p.ld; q += 2 * n)
        gaps ? moments<true, 2>(k, q, which, r, g) : moments<false, 2>(k, q, which, r, g);
      for (; q < p.ld; q += n) gaps ? moments<true, 1>(k, q, which, r, g) : moments<false, 1>(k, q, which, r, g);
    }

    // S0 += Σ r, S1 += Σ r v, S2 += Σ r v² over observed cells v = x - μ_k; S0 only where there are gaps
    template <bool Gaps, int Q>
    void moments(int k, int q, const int* which, const T* r, int g) {
      constexpr int R = 4 / Q;  // rows in flight: enough independent sums to hide the latency of addition
      V mean[Q], a0[R][Q] = {}, a1[R][Q] = {}, a2[R][Q] = {};
      alignas(64) T padded[Q * n];
      for (int u = 0; u < Q * n; u++) padded[u] = q + u < p.d ? p.centres.rest[size_t(k) * p.d + q + u] : T(0);
      for (int u = 0; u < Q; u++) mean[u] = load(padded + u * n);
      auto add = [&](int i, int t) __attribute__((always_inline)) {
        const T* row = &rows[size_t(which[i]) * p.ld + q];
        const V ri = broadcast(r[i]);
#pragma GCC unroll 4
        for (int u = 0; u < Q; u++) {
          V v = load(row + u * n) - mean[u];
          if constexpr (Gaps) {
            a0[t][u] += v == v ? ri : V{};
            v = v == v ? v : V{};
          }
          const V rv = ri * v;
          a1[t][u] += rv;
          a2[t][u] += rv * v;
        }
      };
      int i = 0;
      for (; i + R <= g; i += R)
#pragma GCC unroll 4
        for (int t = 0; t < R; t++) add(i + t, t);
      for (; i < g; i++) add(i, 0);
      const size_t at = size_t(k) * p.ld + q;
      for (int t = 0; t < R; t++)
        for (int u = 0; u < Q; u++) {
          if constexpr (Gaps) store(&s0[at + u * n], load(&s0[at + u * n]) + a0[t][u]);
          store(&s1[at + u * n], load(&s1[at + u * n]) + a1[t][u]);
          store(&s2[at + u * n], load(&s2[at + u * n]) + a2[t][u]);
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
