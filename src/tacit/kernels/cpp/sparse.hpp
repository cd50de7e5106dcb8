// Compressed sparse rows, as a kernel reads them.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cmath>
#include <cstdint>

namespace tacit {

template <class T, class I>
struct Sparse {
  const T* data;
  const I* indices;
  const I* indptr;  // [rows + 1], from anywhere on
  int64_t rows, d;

  int64_t entries() const { return rows ? int64_t(indptr[rows] - indptr[0]) : 0; }

  // f(column, value) of the entries of row i
  template <class F>
  void each(int64_t i, F f) const {
    for (I j = indptr[i]; j < indptr[i + 1]; j++) f(int64_t(indices[j]), data[j]);
  }
};

using sparse_array = nanobind::ndarray<nanobind::ro, nanobind::c_contig, nanobind::device::cpu>;

// f(Sparse<T, I>) for the types of the arrays; indices and indptr are of one type, int32 or int64.
template <class F>
auto with_sparse(const sparse_array& data, const sparse_array& indices, const sparse_array& indptr, int64_t d, F f) {
  const int64_t rows = int64_t(indptr.shape(0)) - 1;
  const auto typed = [&](auto value, auto index) {
    using T = decltype(value);
    using I = decltype(index);
    return f(Sparse<T, I>{static_cast<const T*>(data.data()), static_cast<const I*>(indices.data()),
                          static_cast<const I*>(indptr.data()), rows, d});
  };
  const bool single = data.dtype().bits == 32, narrow = indices.dtype().bits == 32;
  if (single) return narrow ? typed(0.f, int32_t{}) : typed(0.f, int64_t{});
  return narrow ? typed(0., int32_t{}) : typed(0., int64_t{});
}

}  // namespace tacit
