// What a kernel reads: columns anywhere in memory, of any stride and type, with gaps; and the panel packer, the only
// code that knows strides and dtypes.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "simd.hpp"

namespace tacit {
namespace nb = nanobind;

enum class DType : uint8_t { f16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64 };

struct Column {
  const char* data;
  int64_t stride;  // bytes from one row to the next
  DType type;
  const uint8_t* valid;  // Arrow validity bits, least significant first; null when nothing is missing
  int64_t offset;        // of the first row's bit
};

struct Matrix {
  std::vector<Column> columns;
  int64_t rows = 0;
  int d() const { return int(columns.size()); }
  // an array of one type whose rows are contiguous: base and row stride in bytes; null otherwise
  const char* base = nullptr;
  int64_t row_stride = 0;
};

// Rows of T, each contiguous.
template <class T>
struct Rows {
  const char* base;
  int64_t stride;   // bytes from one row to the next
  const char* end;  // of what may be read
  int d;
  const T* operator[](int64_t i) const { return reinterpret_cast<const T*>(base + i * stride); }
};

template <class T>
inline Rows<T> rows_of(const T* x, int64_t n, int d) {
  return {reinterpret_cast<const char*>(x), int64_t(d) * int64_t(sizeof(T)), reinterpret_cast<const char*>(x + n * d),
          d};
}

// The matrix as rows of T, if that is how it lies in memory.
template <class T>
inline bool contiguous(const Matrix& x, Rows<T>& r) {
  if (!x.base || !x.rows || x.columns[0].type != (sizeof(T) == 4 ? DType::f32 : DType::f64)) return false;
  const char* last = x.base + (x.rows - 1) * x.row_stride;
  r = {x.base, x.row_stride, std::max(x.base, last) + x.d() * sizeof(T), x.d()};
  return (reinterpret_cast<uintptr_t>(x.base) | uintptr_t(x.row_stride)) % alignof(T) == 0;
}

using any_array = nb::ndarray<nb::ro, nb::device::cpu>;

inline DType dtype_of(nb::dlpack::dtype t) {
  using code = nb::dlpack::dtype_code;
  const auto c = code(t.code);
  if (c == code::Float) {
    if (t.bits == 16) return DType::f16;
    if (t.bits == 32) return DType::f32;
    if (t.bits == 64) return DType::f64;
  }
  const int width = t.bits == 8 ? 0 : t.bits == 16 ? 1 : t.bits == 32 ? 2 : t.bits == 64 ? 3 : -1;
  if (c == code::Bool) return DType::u8;
  if (c == code::Int && width >= 0) return DType(int(DType::i8) + width);
  if (c == code::UInt && width >= 0) return DType(int(DType::u8) + width);
  throw std::invalid_argument("unsupported dtype");
}

// numbers: an array [n, d], or a tuple of (values [n], validity bits | None, bit offset)
inline Matrix matrix(nb::handle numbers) {
  Matrix m;
  if (nb::isinstance<nb::tuple>(numbers)) {
    for (nb::handle item : nb::cast<nb::tuple>(numbers)) {
      const auto t = nb::cast<nb::tuple>(item);
      const auto v = nb::cast<any_array>(t[0]);
      if (v.ndim() != 1) throw std::invalid_argument("a column must be one-dimensional");
      const auto type = dtype_of(v.dtype());
      const int64_t bytes = v.dtype().bits / 8;
      const uint8_t* valid = t[1].is_none() ? nullptr : static_cast<const uint8_t*>(nb::cast<any_array>(t[1]).data());
      m.rows = int64_t(v.shape(0));
      m.columns.push_back(
          {static_cast<const char*>(v.data()), v.stride(0) * bytes, type, valid, nb::cast<int64_t>(t[2])});
    }
    return m;
  }
  const auto x = nb::cast<any_array>(numbers);
  if (x.ndim() != 2) throw std::invalid_argument("rows must be two-dimensional");
  const auto type = dtype_of(x.dtype());
  const int64_t bytes = x.dtype().bits / 8;
  m.rows = int64_t(x.shape(0));
  m.columns.reserve(x.shape(1));
  for (size_t j = 0; j < x.shape(1); j++)
    m.columns.push_back(
        {static_cast<const char*>(x.data()) + int64_t(j) * x.stride(1) * bytes, x.stride(0) * bytes, type, nullptr, 0});
  if (x.stride(1) == 1 || x.shape(1) == 1) {
    m.base = static_cast<const char*>(x.data());
    m.row_stride = x.stride(0) * bytes;
  }
  return m;
}

inline float half_to_float(uint16_t h) {
  const uint32_t sign = uint32_t(h & 0x8000) << 16, exponent = (h >> 10) & 31, fraction = h & 1023;
  uint32_t bits;
  if (exponent == 31) bits = sign | 0x7f800000 | fraction << 13;
  else if (exponent) bits = sign | (exponent + 112) << 23 | fraction << 13;
  else {
    const float tiny = float(fraction) * 5.9604644775390625e-8f;  // fraction * 2^-24
    return sign ? -tiny : tiny;
  }
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}

// f(reader) with reader(row) -> double or float, for the column's type
template <class F>
inline void read(const Column& c, F f) {
  const char* p = c.data;
  const int64_t s = c.stride;
  switch (c.type) {
#define TACIT_READ(NAME, TYPE)                       \
  case DType::NAME:                                  \
    if (s == sizeof(TYPE))                           \
      return f([p](int64_t i) {                      \
        TYPE v;                                      \
        std::memcpy(&v, p + i * sizeof v, sizeof v); \
        return v;                                    \
      });                                            \
    return f([p, s](int64_t i) {                     \
      TYPE v;                                        \
      std::memcpy(&v, p + i * s, sizeof v);          \
      return v;                                      \
    });
    TACIT_READ(f32, float)
    TACIT_READ(f64, double)
    TACIT_READ(i8, int8_t)
    TACIT_READ(i16, int16_t)
    TACIT_READ(i32, int32_t)
    TACIT_READ(i64, int64_t)
    TACIT_READ(u8, uint8_t)
    TACIT_READ(u16, uint16_t)
    TACIT_READ(u32, uint32_t)
    TACIT_READ(u64, uint64_t)
#undef TACIT_READ
    case DType::f16:
      return f([p, s](int64_t i) {
        uint16_t v;
        std::memcpy(&v, p + i * s, 2);
        return half_to_float(v);
      });
  }
}

// Rows lo .. lo+m of column j, minus shift, into out[0 .. m); a gap becomes NaN. Differences are taken before the cast
// to T where the column is wider, so that a float64 column far from the origin loses nothing in a float32 panel.
template <class T>
inline void pack_column(const Column& c, int64_t lo, int m, double shift, T* out, int64_t step = 1) {
  read(c, [&](auto at) {
    using V = decltype(at(0));
    using D = std::conditional_t<std::is_same_v<V, float> && std::is_same_v<T, float>, float, double>;
    const D s = D(shift);
    for (int i = 0; i < m; i++) out[i * step] = T(D(at(lo + i)) - s);
  });
  if (c.valid)
    for (int i = 0; i < m; i++) {
      const int64_t bit = c.offset + lo + i;
      if (!(c.valid[bit >> 3] >> (bit & 7) & 1)) out[i * step] = std::numeric_limits<T>::quiet_NaN();
    }
}

// Columns q0 .. q1 of rows lo .. lo+m as rows: out[i * ld + q - q0] = x[lo + i, q] - shift[q]; shift may be null.
template <class T>
inline void interleave(const Matrix& x, int q0, int q1, int64_t lo, int m, const double* shift, T* out, int64_t ld) {
  constexpr int n = simd<T>::n;
  const auto plain = [](const Column& c) {
    return c.type == (sizeof(T) == 4 ? DType::f32 : DType::f64) && c.stride == sizeof(T) && !c.valid;
  };
  for (int q = q0; q < q1;) {
    const Column* c = &x.columns[q];
    const bool together = q + n <= q1 && std::all_of(c, c + n, plain);
    const int whole = together ? m - m % n : 0, width = together ? n : 1;
    for (int i = 0; i < whole; i += n) {
      vec_t<T> r[n];
#pragma GCC unroll 16
      for (int j = 0; j < n; j++)
        r[j] = load_loose<T>(c[j].data + (lo + i) * int64_t(sizeof(T))) - broadcast(shift ? T(shift[q + j]) : T(0));
      transpose<T>(r);
#pragma GCC unroll 16
      for (int j = 0; j < n; j++) store_loose<T>(out + (i + j) * ld + q - q0, r[j]);
    }
    for (int j = 0; j < width; j++)
      pack_column(c[j], lo + whole, m - whole, shift ? shift[q + j] : 0., out + whole * ld + q - q0 + j, ld);
    q += width;
  }
}

// Columns q0 .. q1 of rows lo .. lo+m, transposed: panel[(q - q0) * N + i] = x[lo + i, q] - shift[q]; rows m .. N are
// zero. N is a multiple of the vector, the panel aligned; shift may be null.
template <class T>
inline void pack(const Rows<T>& x, int64_t lo, int m, int N, const double* shift, T* panel, int q0, int q1) {
  constexpr int n = simd<T>::n;
  for (int q = q0; q < q1; q += n) {
    const int width = std::min(n, q1 - q);
    alignas(64) T s[n] = {};
    if (shift)
      for (int j = 0; j < width; j++) s[j] = T(shift[q + j]);
    for (int i = 0; i < N; i += n) {
      vec_t<T> r[n];
      const char* first = x.base + (lo + i) * x.stride + q * sizeof(T);
      const char* last = first + (n - 1) * x.stride;
      if (i + n <= m && std::max(first, last) + vector_bytes <= x.end) {
#pragma GCC unroll 16
        for (int j = 0; j < n; j++) r[j] = load_loose<T>(first + j * x.stride) - load(s);
      } else {  // the last rows: nothing is read beyond them
        alignas(64) T edge[n * n] = {};
        for (int j = 0; j < n; j++) {
          const bool there = i + j < m;
          std::memcpy(edge + j * n, there ? static_cast<const void*>(first + j * x.stride) : s, width * sizeof(T));
        }
#pragma GCC unroll 16
        for (int j = 0; j < n; j++) r[j] = load(edge + j * n) - load(s);
      }
      transpose<T>(r);
      T* out = panel + int64_t(q - q0) * N + i;
#pragma GCC unroll 16
      for (int j = 0; j < n; j++)
        if (j < width) store(out + int64_t(j) * N, r[j]);
    }
  }
}

// All columns of rows lo .. lo+m, transposed: panel[q * N + i] = x[lo + i, q] - shift[q], as above, from anywhere.
template <class T>
inline void pack(const Matrix& x, int64_t lo, int m, int N, const double* shift, T* panel) {
  Rows<T> r;
  if (N % simd<T>::n == 0 && contiguous(x, r)) return pack(r, lo, m, N, shift, panel, 0, x.d());
  for (int q = 0; q < x.d(); q++) {
    T* out = panel + int64_t(q) * N;
    pack_column(x.columns[q], lo, m, shift ? shift[q] : 0., out);
    for (int i = m; i < N; i++) out[i] = T(0);
  }
}

// A panel back as rows [m, ld], the rest of each row left as it is.
template <class T>
inline void unpack(const T* panel, int m, int N, int d, T* rows, int ld) {
  constexpr int n = simd<T>::n;
  for (int i = 0; i < m; i += n)
    for (int q = 0; q < d; q += n) {
      vec_t<T> r[n];
#pragma GCC unroll 16
      for (int j = 0; j < n; j++) r[j] = q + j < d ? load(panel + int64_t(q + j) * N + i) : vec_t<T>{};
      transpose<T>(r);
#pragma GCC unroll 16
      for (int j = 0; j < n; j++)
        if (i + j < m) store(rows + int64_t(i + j) * ld + q, r[j]);
    }
}

}  // namespace tacit
