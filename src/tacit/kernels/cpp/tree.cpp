// Mixtures of trees over columns of codes, p(x | k) = Π_j p(x_j | x_parent(j), k): probabilities, posteriors, expected
// counts and draws of rows with gaps, by messages along the edges (Pearl 1988, chapter 4).
//
// A code >= 0 is an observed level, -1 a gap, -2 says that the row's likelihood vector tells of this column.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "lanes.hpp"
#include "module.hpp"

namespace tacit {
namespace {

namespace nb = nanobind;
template <class A>
using dense = nb::ndarray<A, nb::c_contig, nb::device::cpu>;
using doubles = dense<double>;
using const_doubles = dense<const double>;
using const_ints = dense<const int32_t>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double least = 1e-8;  // responsibilities up to this are left out of the counts
constexpr int P = 128;          // rows that are looked up together

// The trees of K components: where each table begins in a component's row of `width` numbers, p(a | b) at b C + a.
struct Forest {
  int K, c, most = 0;  // components, columns, levels of the largest column
  int64_t width;
  const int32_t *sizes, *parent, *order;  // [c], [K, c] and [K, c], parents first
  const double *log_p, *p;                // [K, width]
  std::vector<int64_t> start;             // [K, c]
  std::vector<int> edge;                  // [c + 1], where each column's levels begin in a vector of all
  std::vector<int> first, child;          // [K, c + 1] and [K, c], the children of every column

  Forest(const_ints sizes_, const_ints parent_, const_ints order_, const_doubles log_p_, const_doubles p_)
      : K(int(parent_.shape(0))),
        c(int(parent_.shape(1))),
        width(int64_t(log_p_.shape(1))),
        sizes(sizes_.data()),
        parent(parent_.data()),
        order(order_.data()),
        log_p(log_p_.data()),
        p(p_.data()),
        start(size_t(K) * c),
        edge(c + 1),
        first(size_t(K) * (c + 1)),
        child(size_t(K) * c) {
    for (int j = 0; j < c; j++) edge[j + 1] = edge[j] + sizes[j], most = std::max(most, int(sizes[j]));
    std::vector<int> at(c);
    for (int k = 0; k < K; k++) {
      const int32_t* pa = parent + size_t(k) * c;
      int64_t s = 0;
      int* f = first.data() + size_t(k) * (c + 1);
      for (int j = 0; j < c; j++) {
        start[size_t(k) * c + j] = s;
        s += int64_t(sizes[j]) * (pa[j] < 0 ? 1 : sizes[pa[j]]);
        if (pa[j] >= 0) f[pa[j] + 1]++;
      }
      for (int j = 0; j < c; j++) f[j + 1] += f[j], at[j] = f[j];
      for (int j = 0; j < c; j++)
        if (pa[j] >= 0) child[size_t(k) * c + at[pa[j]]++] = j;
    }
  }
};

// Messages of one row in one component. Vectors are known up to a factor; `log` is log p(e | k).
struct Messages {
  const Forest& f;
  std::vector<double> kids, up, down, factor;  // [L] products from the children; [c, most] to the parent; [L]; [most]
  std::vector<char> said, below, needed;       // has a likelihood vector; heard from children; its `down` is wanted
  int k = 0;
  const int32_t *x = nullptr, *pa = nullptr;
  const double *λ = nullptr, *p = nullptr, *log_p = nullptr;
  const int64_t* start = nullptr;
  double log = 0;

  explicit Messages(const Forest& f)
      : f(f),
        kids(f.edge[f.c]),
        up(size_t(f.c) * f.most),
        down(f.edge[f.c]),
        factor(f.most),
        said(f.c),
        below(f.c),
        needed(f.c) {}

  void at(int component, const int32_t* codes, const double* likelihood) {
    k = component, x = codes, λ = likelihood;
    pa = f.parent + size_t(k) * f.c, start = f.start.data() + size_t(k) * f.c;
    p = f.p + k * f.width, log_p = f.log_p + k * f.width;
  }
  bool free(int j) const { return x[j] < 0 && !said[j] && !below[j]; }
  // What the column itself and everything below it say of its level a.
  double in(int j, int a) const { return (below[j] ? kids[f.edge[j] + a] : 1.) * (said[j] ? λ[f.edge[j] + a] : 1.); }

  // Messages from the leaves to the roots, and log p(e | k).
  double upward() {
    log = 0;
    for (int j = 0; j < f.c; j++) said[j] = x[j] == -2, below[j] = 0;
    const int32_t* order = f.order + size_t(k) * f.c;
    for (int i = f.c - 1; i >= 0; i--) {
      const int j = order[i], C = f.sizes[j], parent = pa[j];
      if (free(j)) continue;
      const double* t = p + start[j];
      if (parent < 0 || x[parent] >= 0) {
        const int64_t row = parent < 0 ? 0 : int64_t(x[parent]) * C;
        if (x[j] >= 0) {
          log += log_p[start[j] + row + x[j]];
        } else {
          double s = 0;
          for (int a = 0; a < C; a++) s += t[row + a] * in(j, a);
          log += std::log(s);
        }
        continue;
      }
      double *m = up.data() + size_t(j) * f.most, *q = kids.data() + f.edge[parent];
      message(j, m);
      const int B = f.sizes[parent];
      double top = 0;
      for (int b = 0; b < B; b++) q[b] = below[parent] ? q[b] * m[b] : m[b], top = std::max(top, q[b]);
      below[parent] = 1;
      if (!(top > 0)) return log = -infinity;
      if (top < 1e-100) {
        for (int b = 0; b < B; b++) q[b] /= top;
        log += std::log(top);
      }
    }
    return log;
  }

  // m(b) = Σ_a p(a | b) in(a) to the parent of j.
  void message(int j, double* m) const {
    const int C = f.sizes[j], B = f.sizes[pa[j]];
    const double* t = p + start[j];
    if (x[j] >= 0) {
      for (int b = 0; b < B; b++) m[b] = t[size_t(b) * C + x[j]];
      return;
    }
    for (int b = 0; b < B; b++) {
      double s = 0;
      for (int a = 0; a < C; a++) s += t[size_t(b) * C + a] * in(j, a);
      m[b] = s;
    }
  }

  // What everything but the branch of j says of the level b of its parent, into `factor`.
  void beside(int j) {
    const int parent = pa[j], B = f.sizes[parent];
    const double *d = down.data() + f.edge[parent], *m = up.data() + size_t(j) * f.most;
    for (int b = 0; b < B; b++) {
      double v = d[b] * in(parent, b);
      if (!free(j)) v = m[b] > 0 ? v / m[b] : d[b] * (said[parent] ? λ[f.edge[parent] + b] : 1.) * siblings(j, b);
      factor[b] = v;
    }
  }
  double siblings(int j, int b) const {
    const int* first = f.first.data() + size_t(k) * (f.c + 1);
    double v = 1;
    for (int i = first[pa[j]]; i < first[pa[j] + 1]; i++) {
      const int s = f.child[size_t(k) * f.c + i];
      if (s != j && !free(s)) v *= up[size_t(s) * f.most + b];
    }
    return v;
  }

  // Messages from the roots to the columns that are wanted; after `upward`.
  void downward(const uint8_t* wanted) {
    const int32_t* order = f.order + size_t(k) * f.c;
    for (int i = f.c - 1; i >= 0; i--) needed[order[i]] = wanted == nullptr || wanted[order[i]];
    for (int i = f.c - 1; i >= 0; i--) {
      const int j = order[i];
      if (needed[j] && pa[j] >= 0 && x[pa[j]] < 0) needed[pa[j]] = 1;
    }
    for (int i = 0; i < f.c; i++) {
      const int j = order[i], C = f.sizes[j];
      if (!needed[j]) continue;
      const double* t = p + start[j];
      double* d = down.data() + f.edge[j];
      if (pa[j] < 0 || x[pa[j]] >= 0) {
        std::memcpy(d, t + (pa[j] < 0 ? 0 : size_t(x[pa[j]]) * C), C * sizeof(double));
        continue;
      }
      beside(j);
      std::fill_n(d, C, 0.);
      for (int b = 0; b < f.sizes[pa[j]]; b++)
        for (int a = 0; a < C; a++) d[a] += factor[b] * t[size_t(b) * C + a];
      double top = 0;
      for (int a = 0; a < C; a++) top = std::max(top, d[a]);
      if (top > 0)
        for (int a = 0; a < C; a++) d[a] /= top;
    }
  }

  // p(x_j = a, everything else that is said | k) / p(e | k) for every a, into v; false where that is not known.
  bool without(int j, double* v) {
    const int C = f.sizes[j];
    const double* d = down.data() + f.edge[j];
    if (x[j] >= 0) {
      std::copy_n(d, C, v);
      const int* first = f.first.data() + size_t(k) * (f.c + 1);
      for (int i = first[j]; i < first[j + 1]; i++) {
        const int s = f.child[size_t(k) * f.c + i];
        if (free(s)) continue;
        message(s, factor.data());
        double top = 0;
        for (int a = 0; a < C; a++) v[a] *= factor[a], top = std::max(top, v[a]);
        if (top > 0)
          for (int a = 0; a < C; a++) v[a] /= top;
      }
    } else {
      for (int a = 0; a < C; a++) v[a] = d[a] * (below[j] ? kids[f.edge[j] + a] : 1.);
    }
    double s = 0;
    if (x[j] >= 0) s = v[x[j]];
    else
      for (int a = 0; a < C; a++) s += v[a] * (said[j] ? λ[f.edge[j] + a] : 1.);
    if (!(s > 0)) return false;
    for (int a = 0; a < C; a++) v[a] /= s;
    return true;
  }
};

bool whole(const int32_t* x, int c) {
  for (int j = 0; j < c; j++)
    if (x[j] < 0) return false;
  return true;
}

const double* likelihood_of(const const_doubles& λ, int64_t row, int L) {
  return λ.shape(0) == 0 ? nullptr : λ.data() + (λ.shape(0) == 1 ? 0 : row) * L;
}

// out[i, k] = log p(e_i | k)
void log_prob(const_ints codes, const_doubles λ, const_ints sizes, const_ints parent, const_ints order,
              const_doubles log_p, const_doubles p, doubles out, int threads) {
  const Forest f(sizes, parent, order, log_p, p);
  const int64_t n = int64_t(codes.shape(0));
  const int c = f.c, K = f.K, L = f.edge[c];
  const int32_t* x = codes.data();
  double* result = out.data();
  nb::gil_scoped_release release;
  struct Work {
    Messages messages;
    buffer<int32_t> turned;  // [c, P]
    buffer<double> sum;      // [P]
  };
  const Lanes l = lanes(n, P, 1);
  each_lane(
      l, useful(double(n) * K * c, threads),
      [&] { return Work{Messages(f), allocate<int32_t>(size_t(c) * P), allocate<double>(P)}; },
      [&](int lane, Work& w) {
        for (int64_t lo = l.begin(lane); lo < l.end(lane); lo += P) {
          const int m = int(std::min<int64_t>(P, l.end(lane) - lo));
          bool all = true;
          for (int i = 0; i < m && all; i++) all = whole(x + (lo + i) * c, c);
          if (!all) {
            for (int i = 0; i < m; i++)
              for (int k = 0; k < K; k++) {
                w.messages.at(k, x + (lo + i) * c, likelihood_of(λ, lo + i, L));
                result[(lo + i) * K + k] = w.messages.upward();
              }
            continue;
          }
          for (int j = 0; j < c; j++)
            for (int i = 0; i < P; i++) w.turned[size_t(j) * P + i] = i < m ? x[(lo + i) * c + j] : 0;
          for (int k = 0; k < K; k++) {
            double* s = w.sum.get();
            std::fill_n(s, P, 0.);
            for (int j = 0; j < c; j++) {
              const double* t = f.log_p + k * f.width + f.start[size_t(k) * c + j];
              const int32_t* a = w.turned.get() + size_t(j) * P;
              const int parent = f.parent[size_t(k) * c + j], C = f.sizes[j];
              if (parent < 0) {
                for (int i = 0; i < P; i++) s[i] += t[a[i]];
              } else {
                const int32_t* b = w.turned.get() + size_t(parent) * P;
                for (int i = 0; i < P; i++) s[i] += t[b[i] * C + a[i]];
              }
            }
            for (int i = 0; i < m; i++) result[(lo + i) * K + k] = s[i];
          }
        }
      });
}

// out[k, table] += Σ_i r_ik E[x_j = a, x_parent(j) = b | observed cells of row i], told[k] += Σ_i r_ik log p(x_i | k)
void counts(const_ints codes, const_doubles resp, const_ints sizes, const_ints parent, const_ints order,
            const_doubles log_p, const_doubles p, doubles out, doubles told, int threads) {
  const Forest f(sizes, parent, order, log_p, p);
  const int64_t n = int64_t(codes.shape(0));
  const int c = f.c, K = f.K;
  const int32_t* x = codes.data();
  double* sum_of_logs = told.data();
  const double* r = resp.data();
  double* result = out.data();
  nb::gil_scoped_release release;
  std::vector<char> complete(n);
  for (int64_t i = 0; i < n; i++) complete[i] = whole(x + i * c, c);
  const Lanes l = lanes(K, 1, 1);
  each_lane(
      l, useful(double(n) * K * 2 + double(n) * c, threads), [&] { return Messages(f); },
      [&](int lane, Messages& w) {
        for (int k = int(l.begin(lane)); k < l.end(lane); k++) {
          const int64_t* start = f.start.data() + size_t(k) * c;
          const int32_t* pa = f.parent + size_t(k) * c;
          double* sums = result + k * f.width;
          for (int64_t i = 0; i < n; i++) {
            const double weight = r[i * K + k];
            const int32_t* row = x + i * c;
            if (weight <= least) continue;
            if (complete[i]) {
              double log = 0;
              for (int j = 0; j < c; j++) {
                const int64_t at = start[j] + (pa[j] < 0 ? 0 : int64_t(row[pa[j]]) * f.sizes[j]) + row[j];
                sums[at] += weight, log += f.log_p[k * f.width + at];
              }
              sum_of_logs[k] += weight * log;
              continue;
            }
            w.at(k, row, nullptr);
            const double log = w.upward();
            if (log == -infinity) continue;
            sum_of_logs[k] += weight * log;
            w.downward(nullptr);
            for (int j = 0; j < c; j++) {
              const int C = f.sizes[j], B = pa[j] < 0 ? 1 : f.sizes[pa[j]];
              const double* t = w.p + start[j];
              double* to = sums + start[j];
              const bool known = pa[j] < 0 || row[pa[j]] >= 0;
              const int begin = pa[j] >= 0 && known ? row[pa[j]] : 0, end = known ? begin + 1 : B;
              if (known && row[j] >= 0) {
                to[int64_t(begin) * C + row[j]] += weight;
                continue;
              }
              if (known) w.factor[begin] = 1;
              else w.beside(j);
              const int a0 = row[j] >= 0 ? row[j] : 0, a1 = row[j] >= 0 ? row[j] + 1 : C;
              double total = 0;
              for (int b = begin; b < end; b++)
                for (int a = a0; a < a1; a++)
                  total += w.factor[b] * t[int64_t(b) * C + a] * (row[j] >= 0 ? 1. : w.in(j, a));
              if (!(total > 0)) continue;
              for (int b = begin; b < end; b++)
                for (int a = a0; a < a1; a++)
                  to[int64_t(b) * C + a] +=
                      weight / total * w.factor[b] * t[int64_t(b) * C + a] * (row[j] >= 0 ? 1. : w.in(j, a));
            }
          }
        }
      });
}

// out[i, a of j] = p(x_j = a | what row i says of its other columns), for the columns wanted; log π_k [K] or [n, K]
void others(const_ints codes, const_doubles λ, const_doubles log_weights, dense<const uint8_t> wanted, const_ints sizes,
            const_ints parent, const_ints order, const_doubles log_p, const_doubles p, doubles out, int threads) {
  const Forest f(sizes, parent, order, log_p, p);
  const int64_t n = int64_t(codes.shape(0));
  const int c = f.c, K = f.K, L = f.edge[c];
  const int32_t* x = codes.data();
  const bool each = log_weights.ndim() == 2;
  const double* log_π = log_weights.data();
  const uint8_t* want = wanted.data();
  double* result = out.data();
  nb::gil_scoped_release release;
  struct Work {
    Messages messages;
    std::vector<double> v, top, joint;
  };
  const Lanes l = lanes(n, 1, 1);
  each_lane(
      l, useful(double(n) * K * c, threads),
      [&] { return Work{Messages(f), std::vector<double>(f.most), std::vector<double>(c), std::vector<double>(K)}; },
      [&](int lane, Work& w) {
        for (int64_t i = l.begin(lane); i < l.end(lane); i++) {
          double* to = result + i * L;
          std::fill_n(to, L, 0.);
          std::fill(w.top.begin(), w.top.end(), -infinity);
          for (int k = 0; k < K; k++) {
            const double log_weight = log_π[(each ? i * K : 0) + k];
            if (log_weight == -infinity) continue;
            w.messages.at(k, x + i * c, likelihood_of(λ, i, L));
            const double log = w.messages.upward() + log_weight;
            if (log == -infinity) continue;
            w.messages.downward(want);
            for (int j = 0; j < c; j++) {
              if (!want[j] || !w.messages.without(j, w.v.data())) continue;
              const int C = f.sizes[j];
              double most = 0;
              for (int a = 0; a < C; a++) most = std::max(most, w.v[a]);
              const double high = log + std::log(most);  // of this component's largest
              double* o = to + f.edge[j];
              if (high > w.top[j]) {
                const double scale = std::exp(w.top[j] - high);
                for (int a = 0; a < C; a++) o[a] *= scale;
                w.top[j] = high;
              }
              const double scale = std::exp(high - w.top[j]) / most;
              for (int a = 0; a < C; a++) o[a] += scale * w.v[a];
            }
          }
          for (int j = 0; j < c; j++) {
            double s = 0;
            for (int a = f.edge[j]; a < f.edge[j + 1]; a++) s += to[a];
            if (s > 0)
              for (int a = f.edge[j]; a < f.edge[j + 1]; a++) to[a] /= s;
          }
        }
      });
}

// Codes drawn from p(x | e_i, z_i), with uniform numbers u [n, c].
void sample(const_ints codes, const_doubles λ, const_ints z, const_doubles u, const_ints sizes, const_ints parent,
            const_ints order, const_doubles log_p, const_doubles p, dense<int32_t> out, int threads) {
  const Forest f(sizes, parent, order, log_p, p);
  const int64_t n = int64_t(codes.shape(0));
  const int c = f.c, L = f.edge[c];
  const int32_t *x = codes.data(), *component = z.data();
  const double* uniform = u.data();
  int32_t* result = out.data();
  nb::gil_scoped_release release;
  const Lanes l = lanes(n, 64, 1);
  each_lane(
      l, useful(double(n) * c * 4, threads), [&] { return Messages(f); },
      [&](int lane, Messages& w) {
        for (int64_t i = l.begin(lane); i < l.end(lane); i++) {
          const int k = component[i];
          w.at(k, x + i * c, likelihood_of(λ, i, L));
          w.upward();
          int32_t* row = result + i * c;
          for (int q = 0; q < c; q++) {
            const int j = f.order[size_t(k) * c + q], C = f.sizes[j];
            if (w.x[j] >= 0) {
              row[j] = w.x[j];
              continue;
            }
            const double* t = w.p + w.start[j] + (w.pa[j] < 0 ? 0 : int64_t(row[w.pa[j]]) * C);
            double total = 0;
            for (int a = 0; a < C; a++) total += t[a] * w.in(j, a);
            double left = uniform[i * c + j] * total;
            int a = 0, last = 0;
            for (; a < C; a++) {
              const double mass = t[a] * w.in(j, a);
              if (mass > 0) last = a;
              if ((left -= mass) < 0) break;
            }
            row[j] = a < C ? a : last;
          }
        }
      });
}

// out[a of j, b of l] = Σ_i w_i [x_ij = a] [x_il = b] for j <= l; a gap meets nothing
void pairs(const_ints codes, const_doubles weight, const_ints sizes, doubles out, int threads) {
  constexpr int rows = 1024;
  const int64_t n = int64_t(codes.shape(0));
  const int c = int(sizes.shape(0));
  std::vector<int> edge(c + 1);
  for (int j = 0; j < c; j++) edge[j + 1] = edge[j] + sizes.data()[j];
  const int64_t L = edge[c];
  const int32_t* x = codes.data();
  const double* w = weight.data();
  double* result = out.data();
  nb::gil_scoped_release release;
  buffer<int32_t> turned = allocate<int32_t>(size_t(c) * rows);
  for (int64_t lo = 0; lo < n; lo += rows) {
    const int m = int(std::min<int64_t>(rows, n - lo));
    for (int i = 0; i < m; i++)
      for (int j = 0; j < c; j++) turned[size_t(j) * rows + i] = x[(lo + i) * c + j];
    const Lanes l = lanes(c, 1, 1);
    each_lane(
        l, useful(double(m) * c * c, threads), [] { return 0; },
        [&](int lane, int) {
          for (int j = int(l.begin(lane)); j < l.end(lane); j++) {
            const int32_t* a = turned.get() + size_t(j) * rows;
            for (int q = j; q < c; q++) {
              const int32_t* b = turned.get() + size_t(q) * rows;
              double* block = result + edge[j] * L + edge[q];
              for (int i = 0; i < m; i++)
                if (a[i] >= 0 && b[i] >= 0) block[a[i] * L + b[i]] += w[lo + i];
            }
          }
        });
  }
}

}  // namespace

void bind_tree(nb::module_& m) {
  m.def("tree_log_prob", log_prob);
  m.def("tree_counts", counts);
  m.def("tree_others", others);
  m.def("tree_sample", sample);
  m.def("tree_pairs", pairs);
}

}  // namespace tacit
