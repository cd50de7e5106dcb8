// GCC/Clang vector types: one template, no intrinsics, compiled once per instruction set.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

namespace tacit {

#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
inline constexpr int vector_bytes = 32;
#else
inline constexpr int vector_bytes = 16;
#endif

template <class T>
struct simd {
  static constexpr int n = vector_bytes / sizeof(T);  // numbers in a vector
  using integer = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  typedef T vec __attribute__((vector_size(vector_bytes)));
  typedef integer ivec __attribute__((vector_size(vector_bytes)));
  typedef T loose __attribute__((vector_size(vector_bytes), aligned(1), may_alias));  // anywhere in memory
};

template <class T>
using vec_t = typename simd<T>::vec;
template <class T>
using ivec_t = typename simd<T>::ivec;

template <class T>
inline vec_t<T> load(const T* p) {
  return *reinterpret_cast<const vec_t<T>*>(p);
}  // aligned
template <class T>
inline void store(T* p, vec_t<T> v) {
  *reinterpret_cast<vec_t<T>*>(p) = v;
}  // aligned
template <class T>
inline vec_t<T> load_loose(const void* p) {
  return *static_cast<const typename simd<T>::loose*>(p);
}
template <class T>
inline void store_loose(void* p, vec_t<T> v) {
  *static_cast<typename simd<T>::loose*>(p) = v;
}
template <class T>
inline vec_t<T> broadcast(T a) {
  return a - vec_t<T>{};  // not +: -0 + 0 is 0, which a compiler must honour with an addition
}
template <class V>
inline V max(V a, V b) {
  return a > b ? a : b;
}

// Whether no lane of a comparison is true.
template <class I>
inline bool none(I mask) {
  const auto words = (ivec_t<double>)mask;
  int64_t any = 0;
  for (int u = 0; u < simd<double>::n; u++) any |= words[u];
  return any == 0;
}

// As many numbers as a vector of double holds. Element by element, compilers see one conversion (GCC splits
// __builtin_convertvector in two).
template <class T, size_t... l>
[[gnu::always_inline]] inline vec_t<double> widen(const T* x, std::index_sequence<l...>) {
  return vec_t<double>{double(x[l])...};
}
template <class T>
[[gnu::always_inline]] inline vec_t<double> widen(const T* x) {
  return widen(x, std::make_index_sequence<simd<double>::n>{});
}

// Two rows of a square, in exchange of blocks of s lanes: stage s of a transposition (Eklundh 1972).
template <int s, class V, class I, size_t... l>
inline void exchange(V& a, V& b, std::index_sequence<l...>) {
  constexpr int n = sizeof...(l);
#if defined(__clang__) || __GNUC__ >= 12
  const V low = __builtin_shufflevector(a, b, ((l & s) ? n + l - s : l)...);
  b = __builtin_shufflevector(a, b, ((l & s) ? n + l : l + s)...);
#else
  const V low = __builtin_shuffle(a, b, I{((l & s) ? n + l - s : l)...});
  b = __builtin_shuffle(a, b, I{((l & s) ? n + l : l + s)...});
#endif
  a = low;
}

// A square of vectors, transposed in registers.
template <class T, int s = 1>
inline void transpose(vec_t<T> (&r)[simd<T>::n]) {
  constexpr int n = simd<T>::n;
  if constexpr (s < n) {
#pragma GCC unroll 16
    for (int i = 0; i < n; i++)
      if (!(i & s)) exchange<s, vec_t<T>, ivec_t<T>>(r[i], r[i + s], std::make_index_sequence<n>{});
    transpose<T, 2 * s>(r);
  }
}

// exp(x) for x <= 0, to 1 ulp or so; 0 below the smallest normal number.
// x = r ln 2 + f with |f| <= ln(2)/2 (Cody and Waite), a polynomial for e^f, 2^r through the exponent bits.
inline vec_t<float> exp_negative(vec_t<float> x) {
  using V = vec_t<float>;
  using I = ivec_t<float>;
  const V floor = V{} - 87.3f;
  const auto under = x < floor;
  x = under ? floor : x;
  const V magic = V{} + 12582912.f;  // 1.5 * 2^23: adding it rounds to the nearest integer
  const V r = (x * 1.44269504f + magic) - magic;
  const V f = (x - r * 0.693145752f) - r * 1.42860677e-6f;
  V p = V{} + 1.9875691500e-4f;
  p = p * f + 1.3981999507e-3f;
  p = p * f + 8.3334519073e-3f;
  p = p * f + 4.1665795894e-2f;
  p = p * f + 1.6666665459e-1f;
  p = p * f + 5.0000001201e-1f;
  p = p * f * f + f + 1.f;
  const I e = (__builtin_convertvector(r, I) + 127) << 23;
  const V y = p * (V)e;
  return under ? V{} : y;
}

inline vec_t<double> exp_negative(vec_t<double> x) {
  using V = vec_t<double>;
  using I = ivec_t<double>;
  const V floor = V{} - 708.;
  const auto under = x < floor;
  x = under ? floor : x;
  const V magic = V{} + 6755399441055744.;  // 1.5 * 2^52
  const V shifted = x * 1.4426950408889634 + magic;
  const V r = shifted - magic;
  const V f = (x - r * 6.93147180369123816490e-01) - r * 1.90821492927058770002e-10;
  V p = V{} + 1.6059043836821613e-10;  // 1/13!, Taylor: |f| <= 0.3466 gives 2e-17
  constexpr double c[] = {2.08767569878681e-9,
                          2.505210838544172e-8,
                          2.755731922398589e-7,
                          2.7557319223985893e-6,
                          2.48015873015873e-5,
                          1.984126984126984e-4,
                          1.3888888888888889e-3,
                          8.333333333333333e-3,
                          4.1666666666666664e-2,
                          1.6666666666666666e-1,
                          0.5,
                          1.,
                          1.};
  for (double a : c) p = p * f + a;
  const I e = ((I)shifted - 0x4338000000000000LL + 1023) << 52;
  const V y = p * (V)e;
  return under ? V{} : y;
}

}  // namespace tacit
