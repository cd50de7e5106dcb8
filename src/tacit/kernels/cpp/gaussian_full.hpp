// Gaussians with a full covariance each, or one for all: log N(x; μ_k, Σ_k) with A_kᵀ A_k = Σ_k⁻¹, y = A_k (x - μ_k).
#pragma once
#include "part.hpp"

namespace tacit {

template <class T>
class GaussianFull final : public Part<T> {
  static constexpr int n = simd<T>::n, NV = panel_vectors, N = panel_rows<T>;
  static constexpr int MR = 4;                           // rows of A in a group: MR x NV accumulators
  static constexpr int ME = vector_bytes == 64 ? 8 : 4;  // rows of S2 in a register tile
  static constexpr int NQ = vector_bytes == 64 ? 2 : 3;  // vectors of such a row
  static constexpr int G = 128;                          // rows of data gathered at once
  using V = vec_t<T>;

  const Matrix x;
  const int K, d, matrices;  // matrices: K or 1
  const int ld;              // padded d
  const Centres<T> centres;
  size_t per;         // packed numbers of one A
  buffer<T> factors;  // [matrices][group][q <= last row of the group][MR]
  std::vector<T> constant;
  double *first, *second;  // [K, d], [matrices, d, d] of the caller

  class Work final : public Worker<T> {
    const GaussianFull& p;
    int m = 0;
    buffer<T> panels, centred, rows, v, s1, s2;

   public:
    Work(const GaussianFull& part, int chunk)
        : p(part),
          panels(allocate<T>(size_t(chunk) * p.d)),
          centred(allocate<T>(size_t(p.d) * N)),
          rows(zeros<T>(size_t(chunk) * p.ld)),
          v(zeros<T>(size_t(G) * p.ld)),
          s1(zeros<T>(size_t(p.K) * p.ld)),
          s2(zeros<T>(size_t(p.matrices) * p.ld * p.ld)) {}

    void pack(int64_t lo, int count, bool sums) override {
      m = count;
      for (int a = 0; a < m; a += N) {
        T* panel = panels.get() + size_t(a) * p.d;
        const int b = std::min(N, m - a);
        tacit::pack(p.x, lo + a, b, N, p.centres.shift.data(), panel);
        if (sums) unpack(panel, b, N, p.d, rows.get() + size_t(a) * p.ld, p.ld);
      }
    }

    void log_prob(T* tile, int stride) override {
      for (int a = 0; a < m; a += N)
        for (int k = 0; k < p.K; k++) quadratic(panels.get() + size_t(a) * p.d, k, tile + size_t(k) * stride + a);
    }

    // out += c_k - ½ |A_k (x - μ_k)|²
    void quadratic(const T* panel, int k, T* out) {
      const T* rest = &p.centres.rest[size_t(k) * p.d];
      for (int q = 0; q < p.d; q++) {
        const V c = broadcast(rest[q]);
        for (int u = 0; u < NV; u++) store(&centred[q * N + u * n], load(panel + q * N + u * n) - c);
      }
      V s[NV] = {};
      const T* a = p.factors.get() + (p.matrices > 1 ? k : 0) * p.per;
      for (int e = 0; e < p.d; e += MR) {
        V y[MR][NV] = {};
        const int last = std::min(p.d, e + MR);
        const T* c = centred.get();
        for (int q = 0; q < last; q++, c += N, a += MR) {
          V z[NV];
#pragma GCC unroll 8
          for (int u = 0; u < NV; u++) z[u] = load(c + u * n);
#pragma GCC unroll 8
          for (int r = 0; r < MR; r++) {
            const V l = broadcast(a[r]);
#pragma GCC unroll 8
            for (int u = 0; u < NV; u++) y[r][u] += l * z[u];
          }
        }
#pragma GCC unroll 8
        for (int r = 0; r < MR; r++)
#pragma GCC unroll 8
          for (int u = 0; u < NV; u++) s[u] += y[r][u] * y[r][u];
      }
      const V c = broadcast(p.constant[k]), most = broadcast(std::numeric_limits<T>::max() / 8);
      for (int u = 0; u < NV; u++) store(out + u * n, load(out + u * n) + (c - T(0.5) * (s[u] < most ? s[u] : most)));
    }

    void accumulate(int k, const int* which, const T* r, int g, T) override {
      for (int lo = 0; lo < g; lo += G) scatter(k, which + lo, r + lo, std::min(G, g - lo));
    }

    // S1_k += Σ √r v and S2_k += Σ v vᵀ with v = √r (x - μ_k), the lower triangle in whole tiles
    void scatter(int k, const int* which, const T* r, int g) {
      const int ld = p.ld;
      const T* rest = &p.centres.rest[size_t(k) * p.d];
      alignas(64) T root[G], mean[n];
      for (int i = 0; i < g; i++) root[i] = std::sqrt(r[i]);
      for (int q = 0; q < ld; q += n) {
        for (int u = 0; u < n; u++) mean[u] = q + u < p.d ? rest[q + u] : T(0);
        const V c = load(mean);
        V total[4] = {};  // sums that need not wait for each other
        const auto add = [&](int i, V& sum) __attribute__((always_inline)) {
          const V h = broadcast(root[i]), z = h * (load(&rows[size_t(which[i]) * ld + q]) - c);
          store(&v[size_t(i) * ld + q], z);
          sum += h * z;
        };
        int i = 0;
        for (; i + 4 <= g; i += 4)
#pragma GCC unroll 4
          for (int t = 0; t < 4; t++) add(i + t, total[t]);
        for (; i < g; i++) add(i, total[0]);
        T* sum = s1.get() + size_t(k) * ld + q;
        store(sum, load(sum) + ((total[0] + total[1]) + (total[2] + total[3])));
      }
      T* s = s2.get() + (p.matrices > 1 ? size_t(k) * ld * ld : 0);
      for (int e = 0; e < p.d; e += ME) {
        int q = 0;
        const int end = std::min(ld, padded(e + ME, n));
        for (; q + NQ * n <= end; q += NQ * n) outer<NQ>(s, e, q, g);
        if constexpr (NQ > 2)
          if (q + 2 * n <= end) outer<2>(s, e, q, g), q += 2 * n;
        if (q < end) outer<1>(s, e, q, g);
      }
    }

    // S2[e .. e + ME, q .. q + Q n] += Vᵀ V
    template <int Q>
    void outer(T* s, int e, int q, int g) {
      const int ld = p.ld;
      V a[ME][Q];
#pragma GCC unroll 8
      for (int r = 0; r < ME; r++)
#pragma GCC unroll 8
        for (int u = 0; u < Q; u++) a[r][u] = load(s + size_t(e + r) * ld + q + u * n);
      const T *left = v.get() + e, *right = v.get() + q;
      for (int i = 0; i < g; i++, left += ld, right += ld) {
        V z[Q];
#pragma GCC unroll 8
        for (int u = 0; u < Q; u++) z[u] = load(right + u * n);
#pragma GCC unroll 8
        for (int r = 0; r < ME; r++) {
          const V l = broadcast(left[r]);
#pragma GCC unroll 8
          for (int u = 0; u < Q; u++) a[r][u] += l * z[u];
        }
      }
#pragma GCC unroll 8
      for (int r = 0; r < ME; r++)
#pragma GCC unroll 8
        for (int u = 0; u < Q; u++) store(s + size_t(e + r) * ld + q + u * n, a[r][u]);
    }

    void flush(double* lane) override {
      const int d = p.d, ld = p.ld;
      for (int k = 0; k < p.K; k++)
        for (int q = 0; q < d; q++) *lane++ += double(s1[size_t(k) * ld + q]);
      for (int k = 0; k < p.matrices; k++)
        for (int e = 0; e < d; e++, lane += d)
          for (int q = 0; q <= e; q++) lane[q] += double(s2[(size_t(k) * ld + e) * ld + q]);
      std::fill_n(s1.get(), size_t(p.K) * ld, T(0));
      std::fill_n(s2.get(), size_t(p.matrices) * ld * ld, T(0));
    }
  };

 public:
  GaussianFull(Matrix rows, int K, const double* means, const double* factor, int matrices, double* first,
               double* second)
      : x(std::move(rows)),
        K(K),
        d(x.d()),
        matrices(matrices),
        ld(padded(d, std::max(ME, n))),
        centres(means, K, d),
        constant(K),
        first(first),
        second(second) {
    per = 0;
    for (int e = 0; e < d; e += MR) per += size_t(std::min(d, e + MR)) * MR;
    factors = zeros<T>(per * matrices);
    T* out = factors.get();
    for (int k = 0; k < matrices; k++)
      for (int e = 0; e < d; e += MR)
        for (int q = 0; q < std::min(d, e + MR); q++)
          for (int r = 0; r < MR; r++, out++)
            if (e + r < d && q <= e + r) *out = T(factor[(size_t(k) * d + e + r) * d + q]);
    for (int k = 0; k < K; k++) {
      double c = -0.5 * d * 1.8378770664093453;  // log 2π
      for (int q = 0; q < d; q++) c += std::log(factor[(size_t(matrices > 1 ? k : 0) * d + q) * d + q]);
      constant[k] = T(c);
    }
  }

  size_t sums() const override { return size_t(K) * d + size_t(matrices) * d * d; }
  std::unique_ptr<Worker<T>> worker(int chunk) const override { return std::make_unique<Work>(*this, chunk); }

  // From x - shift - rest to x - μ: with e the difference, S1 += N e and S2 += e S1ᵀ + S1 eᵀ + N e eᵀ.
  void finish(const double* sums, const double* counts) const override {
    const double *s1 = sums, *s2 = sums + size_t(K) * d;
    std::copy_n(s2, size_t(matrices) * d * d, second);
    for (int k = 0; k < K; k++) {
      const double *e = &centres.error[size_t(k) * d], *s = s1 + size_t(k) * d;
      double* S = second + (matrices > 1 ? size_t(k) * d * d : 0);
      for (int i = 0; i < d; i++)
        for (int j = 0; j <= i; j++) S[size_t(i) * d + j] += e[i] * s[j] + s[i] * e[j] + counts[k] * e[i] * e[j];
      for (int q = 0; q < d; q++) first[size_t(k) * d + q] = s[q] + counts[k] * e[q];
    }
    for (int k = 0; k < matrices; k++)
      for (int i = 0; i < d; i++)
        for (int j = 0; j < i; j++) second[(size_t(k) * d + j) * d + i] = second[(size_t(k) * d + i) * d + j];
  }
};

}  // namespace tacit
