// The tile of a mixture: from log p(x, z = k) to log p(x) and responsibilities, in place.
#pragma once
#include "simd.hpp"

namespace tacit {

// log(x) for normal x > 0: x = 2^e m with m in [√½, √2), log m = 2 artanh s, s = (m - 1) / (m + 1), |s| <= 0.172.
template <class T>
inline vec_t<T> log_positive(vec_t<T> x) {
  using V = vec_t<T>;
  using I = ivec_t<T>;
  constexpr int bits = sizeof(T) == 4 ? 23 : 52;
  const I raw = (I)x, root_half = (I)broadcast(T(0.70710678118654752));
  const I e = (raw - root_half) >> bits;
  const V m = (V)(raw - (e << bits));
  const V s = (m - T(1)) / (m + T(1)), t = s * s;
  V p = {};
  for (int i = sizeof(T) == 4 ? 9 : 21; i > 1; i -= 2) p = (p + T(1) / T(i)) * t;
  return __builtin_convertvector(e, V) * T(0.69314718055994531) + T(2) * (s + s * p);
}

// tile[k * stride] holds a vector of log p(x, z = k); afterwards e_k = exp(tile - max), of which the total is returned.
// `dot`, where wanted, is Σ_k e_k (tile - max): the entropy of r = e / total is log total - dot / total. Where it is,
// the e_k are for sums, and those below e⁻⁵⁰, which change no digit of one, are 0. An impossible row (all -inf) gives
// total 0 and most = the lowest number.
template <class T>
inline vec_t<T> exponentials(T* tile, int stride, int K, vec_t<T>& most, vec_t<T>* dot = nullptr) {
  using V = vec_t<T>;
  const V lowest = broadcast(std::numeric_limits<T>::lowest());
  most = lowest;
  for (int k = 0; k < K; k++) most = max(most, load(tile + size_t(k) * stride));
  V total = {}, sum = {};
  const V far = broadcast(T(-50));
  for (int k = 0; k < K; k++) {
    T* at = tile + size_t(k) * stride;
    const V below = load(at) - most;
    if (dot && none(below > far)) {
      store(at, V{});
      continue;
    }
    const V e = exp_negative(below);
    store(at, e);
    total += e;
    if (dot) sum += e * max(below, lowest);  // 0 · -inf is 0 here
  }
  if (dot) *dot = sum;
  return total;
}

}  // namespace tacit
