// Vectors of words by skip-gram and CBOW with negative sampling (Mikolov et al. 2013, arXiv:1310.4546, eq. 4).
//
// All pairs of one position share its negatives (Ji et al. 2016, arXiv:1604.04661), so that a position is three small
// matrix products: with A the m input rows, B the k = 1 + negatives output rows and y = 1 for the first of them,
//   F = A Bᵀ,   E = α (y - σ(F)),   A += E B,   B += Eᵀ A.
// Threads write the same rows without locks: an update that is lost now and then does no harm (Recht et al. 2011).
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <array>
#include <optional>
#include <vector>

#include "lanes.hpp"
#include "module.hpp"
#include "random.hpp"
#include "simd.hpp"

namespace nb = nanobind;

namespace tacit {
namespace {

using V = vec_t<float>;
constexpr int n = simd<float>::n;
constexpr int tile_a = n >= 8 ? 4 : 2, tile_b = n / tile_a;  // rows of A and B whose products are made together
constexpr int apart = 16;                                    // the loss is taken at one position in so many

template <class T>
using flat = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using table = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// The sums of `count` vectors, a power of two: lane l of the answer is that of r[l mod count].
template <int s, int count>
[[gnu::always_inline]] inline V sums(V* r) {
  if constexpr (s == n) {
    return r[0];
  } else {
    constexpr int half = count > 1 ? count / 2 : 1;
    for (int i = 0; i < half; i++) {
      V a = r[count > 1 ? 2 * i : 0], b = r[count > 1 ? 2 * i + 1 : 0];
      exchange<s, V, ivec_t<float>>(a, b, std::make_index_sequence<n>{});
      r[i] = a + b;
    }
    return sums<2 * s, half>(r);
  }
}

constexpr int power_of_two(int x) { return x <= 1 ? 1 : 2 * power_of_two((x + 1) / 2); }

// f[j stride + i] = a_i · b_j
template <int I, int J>
void products(const float* const* a, const float* const* b, int d, float* f, int stride) {
  constexpr int P = power_of_two(I * J);
  V r[P] = {};
  for (int q = 0; q < d; q += n) {
    V x[I];
    for (int i = 0; i < I; i++) x[i] = load_loose<float>(a[i] + q);
    for (int j = 0; j < J; j++) {
      const V y = load_loose<float>(b[j] + q);
      for (int i = 0; i < I; i++) r[j * I + i] += x[i] * y;
    }
  }
  alignas(64) float out[n];
  store(out, sums<1, P>(r));
  for (int j = 0; j < J; j++)
    for (int i = 0; i < I; i++) f[j * stride + i] = out[j * I + i];
}

// to_r (+)= Σ_s e[r row + s column] from_s for R rows
template <int R, bool add>
void combine(int count, const float* const* from, const float* e, int row, int column, float* const* to, int d) {
  const auto strip = [&](int q, auto width) {
    constexpr int C = decltype(width)::value;
    V acc[R][C];
    for (int r = 0; r < R; r++)
      for (int c = 0; c < C; c++) acc[r][c] = add ? load_loose<float>(to[r] + q + c * n) : V{};
    for (int s = 0; s < count; s++) {
      V x[C];
      for (int c = 0; c < C; c++) x[c] = load_loose<float>(from[s] + q + c * n);
      for (int r = 0; r < R; r++) {
        const V w = broadcast(e[r * row + s * column]);
        for (int c = 0; c < C; c++) acc[r][c] += w * x[c];
      }
    }
    for (int r = 0; r < R; r++)
      for (int c = 0; c < C; c++) store_loose<float>(to[r] + q + c * n, acc[r][c]);
  };
  int q = 0;
  for (; q + 2 * n <= d; q += 2 * n) strip(q, std::integral_constant<int, 2>{});
  for (; q < d; q += n) strip(q, std::integral_constant<int, 1>{});
}

// The tables [I - 1][J - 1] and [R - 1] of the functions above.
using products_t = void (*)(const float* const*, const float* const*, int, float*, int);
template <int I, size_t... j>
constexpr std::array<products_t, tile_b> products_of(std::index_sequence<j...>) {
  return {products<I, int(j) + 1>...};
}
template <size_t... i>
constexpr std::array<std::array<products_t, tile_b>, tile_a> all_products(std::index_sequence<i...>) {
  return {products_of<int(i) + 1>(std::make_index_sequence<tile_b>{})...};
}
constexpr auto products_by_size = all_products(std::make_index_sequence<tile_a>{});

constexpr int tile_rows = 4;
using combine_t = void (*)(int, const float* const*, const float*, int, int, float* const*, int);
template <bool add>
constexpr combine_t combine_by_size[tile_rows] = {combine<1, add>, combine<2, add>, combine<3, add>, combine<4, add>};

// f(start, size) for parts of a range as equal as can be, none larger than `most`.
template <class F>
inline void in_parts(int size, int most, F f) {
  int parts = (size + most - 1) / most;
  for (int lo = 0; parts > 0; parts--) {
    const int part = (size - lo + parts - 1) / parts;
    f(lo, part);
    lo += part;
  }
}

// to_r (+)= Σ_s e[r row + s column] from_s
template <bool add>
inline void combine_all(int rows, int count, const float* const* from, const float* e, int row, int column,
                        float* const* to, int d) {
  in_parts(rows, tile_rows, [&](int lo, int size) {
    combine_by_size<add>[size - 1](count, from, e + lo* row, row, column, to + lo, d);
  });
}

struct Model {
  float *in, *out;  // [rows, d] and [words, d]
  int d;
  uint32_t words;
  const int64_t*
      first;  // [words + 1] and [...], the rows of `in` whose mean is a word's; null: row w is that of word w
  const int32_t* rows;
  const uint32_t* keep;    // [words], an occurrence is kept with probability keep / 2³²; null: always
  const uint32_t* likely;  // [words], Walker's alias table of the noise: w itself below likely / 2³², else alias
  const int32_t* alias;
  int window, negative;
  bool cbow;
};

// What one thread needs for one position.
class Trainer {
  const Model& model;
  const int d, most;               // floats in a row; rows of A
  std::vector<int32_t> text;       // what is left of a unit
  buffer<float> made, change, f;   // means [most, d], updates [most, d], [1 + negative, most] products and errors
  std::vector<const float*> a, b;  // rows of A and B
  std::vector<float*> b_to, change_to;
  std::vector<int32_t> context, drawn, next;
  Random random{0};

 public:
  double loss = 0, pairs = 0;

  explicit Trainer(const Model& m)
      : model(m),
        d(m.d),
        most(2 * m.window),
        made(zeros<float>(size_t(most) * d)),
        change(zeros<float>(size_t(most) * d)),
        f(zeros<float>(size_t(most) * (1 + m.negative) + n)),
        a(most),
        b(1 + m.negative),
        b_to(1 + m.negative),
        change_to(most),
        context(most) {
    for (int i = 0; i < most; i++) change_to[i] = change.get() + size_t(i) * d;
  }

  void train(const int32_t* ids, int64_t size, float rate, uint64_t seed) {
    random = Random{seed};
    loss = pairs = 0;
    thin(ids, size);
    const int64_t end = int64_t(text.size());
    int64_t lo = 0;
    for (int64_t at = 0; at < end; at++) {
      if (text[at] < 0) {
        lo = at + 1;
        continue;
      }
      if (at == lo) draw(text[at], next);
      std::swap(drawn, next);
      if (at + 1 < end && text[at + 1] >= 0) {
        draw(text[at + 1], next);
        fetch(at + 1 + model.window, end);
      }
      const int reach = 1 + int(random.below(uint32_t(model.window)));
      int m = 0;
      for (int64_t c = std::max(lo, at - reach); c <= std::min(end - 1, at + reach) && text[c] >= 0; c++)
        if (c != at) context[m++] = text[c];
      if (m > 0) model.cbow ? together(m, rate, at % apart == 0) : apiece(m, rate, at % apart == 0);
    }
  }

 private:
  void thin(const int32_t* ids, int64_t size) {
    text.clear();
    for (int64_t i = 0; i < size; i++)
      if (ids[i] < 0 || !model.keep || random.word() <= model.keep[ids[i]]) text.push_back(ids[i]);
  }

  float* output(int32_t w) const { return model.out + size_t(w) * d; }
  float* input(int64_t row) const { return model.in + size_t(row) * d; }

  void prefetch(const float* row) const {
    for (int q = 0; q < d; q += 16) __builtin_prefetch(row + q, 1);
  }

  // The word and its negatives, those that are there already left out.
  void draw(int32_t word, std::vector<int32_t>& to) {
    to.clear();
    to.push_back(word);
    prefetch(output(word));
    for (int i = 0; i < model.negative; i++) {
      const uint64_t u = random.next();
      const uint32_t w = uint32_t(((u >> 32) * model.words) >> 32);
      const int32_t drawn = uint32_t(u) < model.likely[w] ? int32_t(w) : model.alias[w];
      if (std::find(to.begin(), to.end(), drawn) != to.end()) continue;
      to.push_back(drawn);
      prefetch(output(drawn));
    }
  }

  void fetch(int64_t at, int64_t end) const {
    if (at < end && text[at] >= 0 && !model.first) prefetch(input(text[at]));
  }

  // E from A and B: f[j m + i] = α (y_j - σ(a_i · b_j))
  void errors(int m, int k, float rate, bool told) {
    in_parts(k, tile_b, [&](int j, int J) {
      in_parts(m, tile_a, [&](int i, int I) {
        products_by_size[I - 1][J - 1](a.data() + i, b.data() + j, d, f.get() + j * m + i, m);
      });
    });
    if (told) add_loss(m, k);
    const V one = broadcast(1.f), zero = V{}, step = broadcast(rate);
    for (int q = 0; q < m * k; q += n) {
      const V x = load_loose<float>(f.get() + q);
      const V e = exp_negative(x < zero ? x : -x);  // of -|x|
      const V p = (x < zero ? e : one) / (one + e);
      V y = zero;
      if (q < m)
        for (int l = 0; l < n; l++) y[l] = q + l < m;
      store_loose<float>(f.get() + q, step * (y - p));
    }
  }

  // -log σ(a · b) of the first row of B, -log σ(-a · b) of the others
  void add_loss(int m, int k) {
    for (int q = 0; q < m * k; q++) {
      const double x = q < m ? -f[q] : f[q];
      loss += std::max(x, 0.) + std::log1p(std::exp(-std::abs(x)));
    }
    pairs += m;
  }

  // A += E B by way of `change`, B += Eᵀ A
  void update(int m, int k) {
    combine_all<false>(m, k, b.data(), f.get(), 1, m, change_to.data(), d);
    combine_all<true>(k, m, a.data(), f.get(), m, 1, b_to.data(), d);
  }

  int targets() {
    const int k = int(drawn.size());
    for (int j = 0; j < k; j++) b[j] = b_to[j] = output(drawn[j]);
    return k;
  }

  void add(float* row, const float* change) const {
    for (int q = 0; q < d; q += n)
      store_loose<float>(row + q, load_loose<float>(row + q) + load_loose<float>(change + q));
  }

  // to += scale Σ of the rows of a word
  void gather(int32_t word, float scale, float* to) const {
    const auto each = [&](const float* row) {
      const V w = broadcast(scale);
      for (int q = 0; q < d; q += n)
        store_loose<float>(to + q, load_loose<float>(to + q) + w * load_loose<float>(row + q));
    };
    if (!model.first) return each(input(word));
    for (int64_t r = model.first[word]; r < model.first[word + 1]; r++) each(input(model.rows[r]));
  }
  float share(int32_t word) const { return model.first ? 1.f / float(model.first[word + 1] - model.first[word]) : 1.f; }

  // A mean moves by `change` when each of the rows that it is made of does.
  void scatter(int32_t word, const float* change) const {
    if (!model.first) return add(input(word), change);
    for (int64_t r = model.first[word]; r < model.first[word + 1]; r++) add(input(model.rows[r]), change);
  }

  // Skip-gram: each word of the context is a row of A.
  void apiece(int m, float rate, bool told) {
    for (int i = 0; i < m; i++) {
      a[i] = model.first ? made.get() + size_t(i) * d : input(context[i]);
      if (model.first) {
        std::fill_n(made.get() + size_t(i) * d, d, 0.f);
        gather(context[i], share(context[i]), made.get() + size_t(i) * d);
      }
    }
    const int k = targets();
    errors(m, k, rate, told);
    update(m, k);
    for (int i = 0; i < m; i++) scatter(context[i], change_to[i]);
  }

  // CBOW: A is one row, the mean of the context, and its gradient goes in equal parts to the words.
  void together(int m, float rate, bool told) {
    std::fill_n(made.get(), d, 0.f);
    for (int i = 0; i < m; i++) gather(context[i], share(context[i]) / float(m), made.get());
    a[0] = made.get();
    const int k = targets();
    errors(1, k, rate, told);
    update(1, k);
    for (int q = 0; q < d; q++) change[q] /= float(m);
    for (int i = 0; i < m; i++) scatter(context[i], change.get());
  }
};

// One chunk of text: word numbers, -1 between sentences, cut into units; the rate falls linearly over the chunk.
void embed(flat<const int32_t> ids, flat<const int64_t> units, table in, table out,
           std::optional<flat<const int64_t>> first, std::optional<flat<const int32_t>> rows,
           std::optional<flat<const uint32_t>> keep, flat<const uint32_t> likely, flat<const int32_t> alias, int window,
           int negative, bool cbow, double rate, double last_rate, uint64_t seed,
           nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu> told, int threads) {
  const Model model{in.data(),
                    out.data(),
                    int(in.shape(1)),
                    uint32_t(out.shape(0)),
                    first ? first->data() : nullptr,
                    rows ? rows->data() : nullptr,
                    keep ? keep->data() : nullptr,
                    likely.data(),
                    alias.data(),
                    window,
                    negative,
                    cbow};
  const int64_t count = int64_t(units.shape(0)) - 1;
  const double size = std::max(1., double(units.data()[count]));
  const int32_t* text = ids.data();
  const int64_t* edge = units.data();
  double* sums = told.data();  // [units, 2], the loss and its number of pairs
  nb::gil_scoped_release release;
  each_lane(
      Lanes{int(count), count, 1}, threads, [&] { return Trainer(model); },
      [&](int u, Trainer& trainer) {
        const double α = rate + (last_rate - rate) * double(edge[u]) / size;
        trainer.train(text + edge[u], edge[u + 1] - edge[u], float(α), Random::mix(seed + uint64_t(u)));
        sums[2 * u] = trainer.loss, sums[2 * u + 1] = trainer.pairs;
      });
}

}  // namespace

void bind_skipgram(nb::module_& m) {
  m.def("embed", embed, nb::arg("ids"), nb::arg("units"), nb::arg("input"), nb::arg("output"), nb::arg("first").none(),
        nb::arg("rows").none(), nb::arg("keep").none(), nb::arg("likely"), nb::arg("alias"), nb::arg("window"),
        nb::arg("negative"), nb::arg("cbow"), nb::arg("rate"), nb::arg("last_rate"), nb::arg("seed"), nb::arg("told"),
        nb::arg("threads"));
}

}  // namespace tacit
