// Attention of a few queries of many texts over the key-value arena of a model, on a CPU, in float32: what a decode step
// of a batch does between its matrix products. Every query names the slots that it looks at, one after the other, so
// nothing is masked, padded, copied or repeated for grouped heads; keys and values stay where they are. Scores are kept
// whole (one float a slot and head) and the softmax is the ordinary one: maximum, exponentials, sum.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace guided {

// The vectors that the loops are compiled for.
enum class Vectors : std::uint8_t { kBaseline, kAvx2, kAvx512 };

// The widest that this machine has.
Vectors widest_vectors();

// One query: where its heads stand among those of the forward, and its slots `[begin, end)` in the list of all.
struct SlotQuery {
    std::uint32_t row = 0, begin = 0, end = 0;
};

// The heads of one layer as they lie in memory; strides in floats, the last dimension of everything is dense.
struct AttentionShape {
    std::size_t num_heads = 0, num_key_heads = 0;  // the first is a multiple of the second: grouped heads
    std::size_t key_dim = 0, value_dim = 0;
    std::size_t query_row = 0, query_head = 0;  // from one query to the next, from one of its heads to the next
    std::size_t out_row = 0;                    // heads lie one after the other
    float scale = 1.0F;
};

class SlotAttention {
public:
    // Throws `std::invalid_argument` for a negative slot or a query whose slots are none or are not in the list.
    SlotAttention(std::vector<std::int32_t> slots, std::vector<SlotQuery> queries);

    // One past the highest slot and query row that are read: what the arrays must have at least.
    std::size_t num_slots() const { return num_slots_; }
    std::size_t num_rows() const { return num_rows_; }

    // `out[row][head] = softmax(scale * query . keys) values` for each query; keys and values are
    // `[slots][key heads][dim]`. Other rows of `out` are left alone. The machine must have those vectors.
    void attend(const AttentionShape& shape, const float* queries, const float* keys, const float* values, float* out, Vectors vectors = widest_vectors()) const;

private:
    std::vector<std::int32_t> slots_;
    std::vector<SlotQuery> queries_;
    std::size_t num_slots_ = 0, num_rows_ = 0, longest_ = 0;
};

}  // namespace guided
