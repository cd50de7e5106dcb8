// The small symmetric algebra of an M-step, in float64 and without BLAS.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "lanes.hpp"

namespace tacit {

// UᵀU = S + ridge I, U upper triangular with rows of length d in u. False where a pivot vanishes.
inline bool cholesky(const double* s, int d, double ridge, double* u) {
  for (int i = 0; i < d; i++)
    for (int j = i; j < d; j++) u[i * size_t(d) + j] = s[i * size_t(d) + j] + (i == j ? ridge : 0);
  for (int i = 0; i < d; i++) {
    double* row = u + i * size_t(d);
    const double before = s[i * size_t(d) + i] + ridge;
    if (!(row[i] > 1e-15 * d * before) || !(before <= std::numeric_limits<double>::max())) return false;
    const double root = std::sqrt(row[i]), inverse = 1 / root;
    row[i] = root;
    for (int j = i + 1; j < d; j++) row[j] *= inverse;
    for (int p = i + 1; p < d; p++) {
      double* below = u + p * size_t(d);
      const double c = row[p];
      for (int j = p; j < d; j++) below[j] -= c * row[j];
    }
  }
  return true;
}

// A = L⁻¹ with LLᵀ = S + ridge I; the ridge is zero, or the smallest of a few powers of ten times the mean diagonal
// that makes S positive definite. Without any, as for S = 0, A is NaN. `u` is room for d x d numbers.
inline double inverse_factor(const double* s, int d, double* a, double* u) {
  double mean = 0;
  for (int i = 0; i < d; i++) mean += s[i * size_t(d) + i] / d;
  double ridge = 0;
  bool fine = cholesky(s, d, ridge, u);
  for (double c = 1e-8; !fine && c < 1 && mean > 0; c *= 10) fine = cholesky(s, d, ridge = c * mean, u);
  std::fill_n(a, size_t(d) * d, fine ? 0. : std::numeric_limits<double>::quiet_NaN());
  if (!fine) return 0;
  for (int i = 0; i < d; i++) {  // row i of L⁻¹ = (e_i - Σ_{j<i} L_ij row j) / L_ii, with L_ij = U_ji
    double* row = a + i * size_t(d);
    row[i] = 1;
    for (int j = 0; j < i; j++) {
      const double c = u[j * size_t(d) + i];
      const double* above = a + j * size_t(d);
      for (int q = 0; q <= j; q++) row[q] -= c * above[q];
    }
    const double inverse = 1 / u[i * size_t(d) + i];
    for (int q = 0; q <= i; q++) row[q] *= inverse;
  }
  return ridge;
}

}  // namespace tacit
