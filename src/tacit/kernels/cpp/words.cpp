// Text to numbers: words between blanks, counted and numbered in the order in which they first come.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "module.hpp"
#include "random.hpp"

namespace nb = nanobind;

namespace tacit {
namespace TACIT_MODULE {  // a type for each module: nanobind's list of types is common to all in the process
namespace {

enum Kind : uint8_t { letter, blank, end };
using Kinds = std::array<Kind, 256>;

constexpr Kinds kinds(std::string_view blanks, std::string_view ends) {
  Kinds k{};
  for (char c : blanks) k[uint8_t(c)] = blank;
  for (char c : ends) k[uint8_t(c)] = end;
  return k;
}
constexpr Kinds text = kinds(" \t\r\v\f", "\n"), listed = kinds("\xff", "\xfe");  // two bytes that UTF-8 never has

template <class T>
nb::ndarray<nb::numpy, T, nb::ndim<1>> array_of(std::vector<T>&& from) {
  auto* kept = new std::vector<T>(std::move(from));
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return {kept->data(), {kept->size()}, owner};
}

// Words by open addressing; their bytes lie one after the other.
class Dictionary {
  std::string letters;
  std::vector<uint64_t> start{0};
  std::vector<uint32_t> tags;  // the upper half of each word's hash
  std::vector<int64_t> count;
  std::vector<int32_t> slots = std::vector<int32_t>(1024, -1);

  static uint64_t hash(std::string_view w) {
    uint64_t h = w.size(), part;
    size_t i = 0;
    for (; i + 8 <= w.size(); i += 8) {
      std::memcpy(&part, w.data() + i, 8);
      h = Random::mix(h ^ part);
    }
    part = 0;
    std::memcpy(&part, w.data() + i, w.size() - i);
    return Random::mix(h ^ part ^ 0x9e3779b97f4a7c15ull);
  }

  std::string_view word(int32_t i) const { return {letters.data() + start[i], start[i + 1] - start[i]}; }

  void enlarge() {
    slots.assign(2 * slots.size(), -1);
    for (int32_t i = 0; i < int32_t(count.size()); i++) slots[free_slot(hash(word(i)))] = i;
  }
  size_t free_slot(uint64_t h) const {
    size_t s = h & (slots.size() - 1);
    while (slots[s] >= 0) s = (s + 1) & (slots.size() - 1);
    return s;
  }

  int32_t find(std::string_view w, bool grow) {
    const uint64_t h = hash(w);
    size_t s = h & (slots.size() - 1);
    for (; slots[s] >= 0; s = (s + 1) & (slots.size() - 1))
      if (tags[slots[s]] == uint32_t(h >> 32) && word(slots[s]) == w) return slots[s];
    if (!grow) return -1;
    if (count.size() >= size_t(INT32_MAX)) throw nb::value_error("more than 2³¹ different words");
    const auto i = int32_t(count.size());
    slots[s] = i;
    letters.append(w);
    start.push_back(letters.size());
    tags.push_back(uint32_t(h >> 32));
    count.push_back(0);
    if (2 * count.size() > slots.size()) enlarge();
    return i;
  }

 public:
  // The numbers of the words of a piece of text, -1 where a sentence ends; new words are added or left out.
  nb::ndarray<nb::numpy, int32_t, nb::ndim<1>> feed(nb::bytes data, bool listed_words, bool grow) {
    const char *p = data.c_str(), *last = p + data.size();
    const Kinds& kind = listed_words ? listed : text;
    std::vector<int32_t> ids;
    {
      nb::gil_scoped_release release;
      ids.reserve(data.size() / 6 + 16);
      while (p < last) {
        const Kind k = kind[uint8_t(*p)];
        if (k == letter) {
          const char* from = p;
          while (p < last && kind[uint8_t(*p)] == letter) p++;
          const int32_t i = find({from, size_t(p - from)}, grow);
          if (i < 0) continue;
          count[i]++;
          ids.push_back(i);
        } else {
          if (k == end && !ids.empty() && ids.back() >= 0) ids.push_back(-1);
          p++;
        }
      }
      if (!ids.empty() && ids.back() >= 0) ids.push_back(-1);
    }
    return array_of(std::move(ids));
  }

  nb::ndarray<nb::numpy, int64_t, nb::ndim<1>> counts() const { return array_of(std::vector<int64_t>(count)); }

  // All words, each followed by 0xff.
  nb::bytes words() const {
    std::string all;
    all.reserve(letters.size() + count.size());
    for (int32_t i = 0; i < int32_t(count.size()); i++) all.append(word(i)).push_back('\xff');
    return nb::bytes(all.data(), all.size());
  }
};

// Walker's alias table (1977) of probabilities that add up to 1, after Vose 1991.
using doubles = nb::ndarray<double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
void alias_table(doubles p, nb::ndarray<uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu> likely,
                 nb::ndarray<int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu> alias) {
  const auto size = int64_t(p.shape(0));
  std::vector<double> mass(size);
  std::vector<int32_t> small, large;
  for (int64_t i = 0; i < size; i++) {
    mass[i] = p.data()[i] * double(size);
    (mass[i] < 1 ? small : large).push_back(int32_t(i));
    likely.data()[i] = UINT32_MAX, alias.data()[i] = int32_t(i);
  }
  while (!small.empty() && !large.empty()) {
    const int32_t s = small.back(), l = large.back();
    small.pop_back();
    likely.data()[s] = uint32_t(mass[s] * 0x1p32);
    alias.data()[s] = l;
    mass[l] -= 1 - mass[s];
    if (mass[l] < 1) large.pop_back(), small.push_back(l);
  }
}

}  // namespace
}  // namespace TACIT_MODULE

void bind_words(nb::module_& m) {
  using namespace TACIT_MODULE;
  nb::class_<Dictionary>(m, "Dictionary")
      .def(nb::init<>())
      .def("feed", &Dictionary::feed, nb::arg("data"), nb::arg("listed"), nb::arg("grow"))
      .def("counts", &Dictionary::counts)
      .def("words", &Dictionary::words);
  m.def("alias_table", alias_table, nb::arg("p"), nb::arg("likely"), nb::arg("alias"));
}

}  // namespace tacit
