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

// tile[k * stride] holds a vector of log p(x, z = k); afterwards exp(tile - max), of which the total is returned.
// An impossible row (all -inf) gives total 0 and most = the lowest number.
template <class T>
inline vec_t<T> exponentials(T* tile, int stride, int K, vec_t<T>& most) {
  using V = vec_t<T>;
  most = broadcast(std::numeric_limits<T>::lowest());
  for (int k = 0; k < K; k++) most = max(most, load(tile + size_t(k) * stride));
  V total = {};
  for (int k = 0; k < K; k++) {
    T* at = tile + size_t(k) * stride;
    const V e = exp_negative(load(at) - most);
    store(at, e);
    total += e;
  }
  return total;
}

}  // namespace tacit
