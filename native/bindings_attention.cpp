// Python's view of `SlotAttention`: arrays are checked here, so that nothing outside of them is read or written.
#include <nanobind/ndarray.h>

#include "bindings.hpp"
#include "slot_attention.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace guided {

namespace {

using Ints = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Rows = nb::ndarray<const std::int32_t, nb::shape<-1, 3>, nb::c_contig, nb::device::cpu>;
using Heads = nb::ndarray<const float, nb::ndim<3>, nb::device::cpu>;
using Arena = nb::ndarray<const float, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using Out = nb::ndarray<float, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

std::unique_ptr<SlotAttention> attention_of(const Ints& slots, const Rows& queries) {
    std::vector<SlotQuery> read(queries.shape(0));
    for (std::size_t i = 0; i < read.size(); ++i) {
        const std::int32_t* row = queries.data() + 3 * i;
        if (row[0] < 0 || row[1] < 0 || row[2] < 0) throw nb::value_error("rows and slots of queries are not negative");
        read[i] = {static_cast<std::uint32_t>(row[0]), static_cast<std::uint32_t>(row[1]), static_cast<std::uint32_t>(row[2])};
    }
    return std::make_unique<SlotAttention>(std::vector<std::int32_t>(slots.data(), slots.data() + slots.shape(0)), std::move(read));
}

void attend(const SlotAttention& attention, const Heads& queries, const Arena& keys, const Arena& values, float scale, const Out& out) {
    const AttentionShape shape{
        .num_heads = queries.shape(0), .num_key_heads = keys.shape(1), .key_dim = keys.shape(2), .value_dim = values.shape(2),
        .query_row = static_cast<std::size_t>(queries.stride(1)), .query_head = static_cast<std::size_t>(queries.stride(0)),
        .out_row = out.shape(1) * out.shape(2), .scale = scale,
    };
    const bool is_grouped = shape.num_key_heads != 0 && shape.num_heads % shape.num_key_heads == 0;
    if (!is_grouped || values.shape(1) != shape.num_key_heads || queries.shape(2) != shape.key_dim)
        throw nb::value_error("queries [heads, rows, dim], keys and values [slots, key heads, dim] do not fit together");
    if (queries.stride(0) < 0 || queries.stride(1) < 0 || queries.stride(2) != 1) throw nb::value_error("the last dimension of the queries must be dense");
    if (out.shape(0) < attention.num_rows() || queries.shape(1) < attention.num_rows() || out.shape(1) != shape.num_heads || out.shape(2) != shape.value_dim)
        throw nb::value_error("out must be float32[rows, heads, dim of the values], with every row that is asked for");
    if (keys.shape(0) < attention.num_slots() || values.shape(0) < attention.num_slots()) throw nb::value_error("a slot lies beyond the keys or values");
    nb::gil_scoped_release release;
    attention.attend(shape, queries.data(), keys.data(), values.data(), out.data());
}

}  // namespace

void bind_attention(nb::module_& m) {
    nb::class_<SlotAttention>(m, "SlotAttention", "Attention of a few queries of many texts over an arena of keys and values, on the CPU.")
        .def("__init__", [](SlotAttention* self, const Ints& slots, const Rows& queries) { new (self) SlotAttention(std::move(*attention_of(slots, queries))); },
             "slots"_a, "queries"_a,
             "`slots`: int32, those of all queries; `queries`: int32[n, 3], each its row in the forward and where its slots begin and end in the list.")
        .def("attend", &attend, "queries"_a, "keys"_a, "values"_a, "scale"_a, "out"_a.noconvert(),
             "Write `softmax(scale * queries keys) values` of each query into its row of float32[rows, heads, dim].");
}

}  // namespace guided
