// Attention over slots against its definition in doubles, for every kind of vectors that this machine has.
#include <cmath>
#include <random>
#include <stdexcept>

#include "check.hpp"
#include "slot_attention.hpp"

using namespace guided;

namespace {

struct Case {
    std::size_t num_heads, num_key_heads, key_dim, value_dim, width;
};

std::vector<float> normal(std::mt19937& random, std::size_t size) {
    std::normal_distribution<float> one;
    std::vector<float> out(size);
    for (float& x : out) x = one(random);
    return out;
}

// Softmax in floats: the rounding of scores of size 10 is 1e-6 of a weight.
double difference(const Case& c, Vectors vectors) {
    constexpr std::size_t kSlots = 97;
    std::mt19937 random(static_cast<unsigned>(c.width));
    const auto queries = normal(random, c.num_heads * c.key_dim), keys = normal(random, kSlots * c.num_key_heads * c.key_dim);
    const auto values = normal(random, kSlots * c.num_key_heads * c.value_dim);
    std::vector<std::int32_t> slots(c.width);
    for (std::size_t i = 0; i < c.width; ++i) slots[i] = static_cast<std::int32_t>(i * 31 % kSlots);
    const float scale = 0.3F;
    std::vector<float> out(c.num_heads * c.value_dim, 99.0F);
    const AttentionShape shape{c.num_heads, c.num_key_heads, c.key_dim, c.value_dim, c.num_heads * c.key_dim, c.key_dim, c.num_heads * c.value_dim, scale};
    SlotAttention(slots, {{0, 0, static_cast<std::uint32_t>(c.width)}}).attend(shape, queries.data(), keys.data(), values.data(), out.data(), vectors);
    double worst = 0;
    for (std::size_t head = 0; head < c.num_heads; ++head) {
        const std::size_t from = head / (c.num_heads / c.num_key_heads);
        std::vector<double> sums(c.value_dim, 0.0);
        double total = 0;
        for (const std::int32_t slot : slots) {
            const std::size_t place = static_cast<std::size_t>(slot) * c.num_key_heads + from;
            double score = 0;
            for (std::size_t i = 0; i < c.key_dim; ++i) score += double{queries[head * c.key_dim + i]} * double{keys[place * c.key_dim + i]};
            const double weight = std::exp(double{scale} * score);
            total += weight;
            for (std::size_t i = 0; i < c.value_dim; ++i) sums[i] += weight * double{values[place * c.value_dim + i]};
        }
        for (std::size_t i = 0; i < c.value_dim; ++i) worst = std::max(worst, std::abs(sums[i] / total - double{out[head * c.value_dim + i]}));
    }
    return worst;
}

TEST(slot_attention_is_the_softmax_of_scores) {
    for (const Case& c : {Case{8, 4, 64, 64, 1}, Case{8, 4, 64, 64, 90}, Case{2, 2, 128, 128, 7}, Case{3, 1, 5, 9, 6}, Case{1, 1, 1, 1, 4}, Case{4, 2, 80, 80, 97}})
        for (int vectors = 0; vectors <= static_cast<int>(widest_vectors()); ++vectors) CHECK(difference(c, static_cast<Vectors>(vectors)) < 1e-5);
}

TEST(slot_attention_refuses_queries_without_slots) {
    for (const SlotQuery& query : {SlotQuery{0, 0, 3}, SlotQuery{0, 1, 1}, SlotQuery{0, 2, 1}}) {
        bool is_refused = false;
        try {
            SlotAttention attention({1, 2}, {query});
        } catch (const std::invalid_argument&) {
            is_refused = true;
        }
        CHECK(is_refused);
    }
}

}  // namespace
