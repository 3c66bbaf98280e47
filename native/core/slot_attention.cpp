#include "slot_attention.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>

// The loops are plain C++ that compilers vectorise. On x86-64 they are compiled three times and chosen when first used,
// so that a wheel built anywhere uses the vectors of the machine it runs on.
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define GUIDED_X86_VERSIONS 1
#endif
#if defined(__GNUC__) || defined(__clang__)
#define GUIDED_INLINE [[gnu::always_inline]] inline
#else
#define GUIDED_INLINE inline
#endif

namespace guided {

namespace {

constexpr std::size_t kBlock = 4;  // slots taken together: so many sums or factors at once hide latencies
constexpr std::size_t kAhead = 4;  // slots fetched ahead, which may lie anywhere: 4 measured best of 0, 4, 8, 16, 32

// e^x for x <= 0, relative error below 3e-7: 2^n times a polynomial of the rest, Cephes' coefficients.
GUIDED_INLINE float exp_of(float x) {
    constexpr float kRound = 12582912.0F;  // adding 1.5 * 2^23 leaves the nearest integer in the low bits
    x = std::max(x, -87.0F);
    const float shifted = x * 1.44269504F + kRound;
    const float n = shifted - kRound;
    const float rest = (x - n * 0.693359375F) + n * 2.12194440e-4F;
    float p = 1.9875691500e-4F;
    p = p * rest + 1.3981999507e-3F;
    p = p * rest + 8.3334519073e-3F;
    p = p * rest + 4.1665795894e-2F;
    p = p * rest + 1.6666665459e-1F;
    p = p * rest + 5.0000001201e-1F;
    p = p * rest * rest + rest + 1.0F;
    return p * std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted) + 127U) << 23U);
}

GUIDED_INLINE void fetch(const float* first, std::size_t num_floats) {
#if defined(__GNUC__) || defined(__clang__)
    for (std::size_t i = 0; i < num_floats; i += 16) __builtin_prefetch(first + i);
#else
    (void)first, (void)num_floats;
#endif
}

// What one query needs in one layer; `scores` has a row of `stride` floats a head.
struct Work {
    const AttentionShape& shape;
    const std::int32_t* slots;
    std::size_t num_slots;
    float* scores;
    std::size_t stride;

    std::size_t key_row() const { return shape.num_key_heads * shape.key_dim; }
    std::size_t value_row() const { return shape.num_key_heads * shape.value_dim; }
};

// Scores of `kBlock` slots from `at` on, or of one, for all heads.
template <std::size_t kDim, std::size_t kCount>
GUIDED_INLINE void score(const Work& work, std::size_t at, const float* query, const float* keys) {
    const std::size_t dim = kDim != 0 ? kDim : work.shape.key_dim;
    const std::size_t groups = work.shape.num_heads / work.shape.num_key_heads;
    for (std::size_t head = 0; head < work.shape.num_heads; ++head) {
        const float* q = query + head * work.shape.query_head;
        const float* k[kCount];
        for (std::size_t i = 0; i < kCount; ++i) k[i] = keys + static_cast<std::size_t>(work.slots[at + i]) * work.key_row() + head / groups * dim;
        float* out = work.scores + head * work.stride + at;
        if constexpr (kCount == kBlock) {
            float a = 0, b = 0, c = 0, d = 0;
#pragma omp simd reduction(+ : a, b, c, d)
            for (std::size_t i = 0; i < dim; ++i) a += q[i] * k[0][i], b += q[i] * k[1][i], c += q[i] * k[2][i], d += q[i] * k[3][i];
            out[0] = a, out[1] = b, out[2] = c, out[3] = d;
        } else {
            float a = 0;
#pragma omp simd reduction(+ : a)
            for (std::size_t i = 0; i < dim; ++i) a += q[i] * k[0][i];
            out[0] = a;
        }
    }
}

// Scores to weights that sum to 1.
GUIDED_INLINE void soften(float* scores, std::size_t count, float scale) {
    float most = scores[0];
#pragma omp simd reduction(max : most)
    for (std::size_t i = 0; i < count; ++i) most = std::max(most, scores[i]);
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::size_t i = 0; i < count; ++i) sum += scores[i] = exp_of((scores[i] - most) * scale);
    const float factor = 1.0F / sum;
#pragma omp simd
    for (std::size_t i = 0; i < count; ++i) scores[i] *= factor;
}

// Adds the values of `kBlock` slots from `at` on, or of one, times their weights.
template <std::size_t kDim, std::size_t kCount>
GUIDED_INLINE void add(const Work& work, std::size_t at, const float* values, float* out) {
    const std::size_t dim = kDim != 0 ? kDim : work.shape.value_dim;
    const std::size_t groups = work.shape.num_heads / work.shape.num_key_heads;
    for (std::size_t head = 0; head < work.shape.num_heads; ++head) {
        const float* w = work.scores + head * work.stride + at;
        const float* v[kCount];
        for (std::size_t i = 0; i < kCount; ++i) v[i] = values + static_cast<std::size_t>(work.slots[at + i]) * work.value_row() + head / groups * dim;
        float* o = out + head * dim;
        if constexpr (kCount == kBlock) {
            const float a = w[0], b = w[1], c = w[2], d = w[3];
#pragma omp simd
            for (std::size_t i = 0; i < dim; ++i) o[i] += (a * v[0][i] + b * v[1][i]) + (c * v[2][i] + d * v[3][i]);
        } else {
            const float a = w[0];
#pragma omp simd
            for (std::size_t i = 0; i < dim; ++i) o[i] += a * v[0][i];
        }
    }
}

template <std::size_t kDim>
GUIDED_INLINE void attend_one(const Work& work, const float* query, const float* keys, const float* values, float* out) {
    const std::size_t whole = work.num_slots - work.num_slots % kBlock;
    const auto ahead = [&](std::size_t at) { return static_cast<std::size_t>(work.slots[std::min(at + kAhead, work.num_slots - 1)]); };
    for (std::size_t at = 0; at < whole; at += kBlock) {
        for (std::size_t i = 0; i < kBlock; ++i) fetch(keys + ahead(at + i) * work.key_row(), work.key_row());
        score<kDim, kBlock>(work, at, query, keys);
    }
    for (std::size_t at = whole; at < work.num_slots; ++at) score<kDim, 1>(work, at, query, keys);
    for (std::size_t head = 0; head < work.shape.num_heads; ++head) soften(work.scores + head * work.stride, work.num_slots, work.shape.scale);
    std::fill(out, out + work.shape.num_heads * work.shape.value_dim, 0.0F);
    for (std::size_t at = 0; at < whole; at += kBlock) {
        for (std::size_t i = 0; i < kBlock; ++i) fetch(values + ahead(at + i) * work.value_row(), work.value_row());
        add<kDim, kBlock>(work, at, values, out);
    }
    for (std::size_t at = whole; at < work.num_slots; ++at) add<kDim, 1>(work, at, values, out);
}

// Sizes known to the compiler unroll; all others are right too.
GUIDED_INLINE void attend_any(const Work& work, const float* query, const float* keys, const float* values, float* out) {
    if (work.shape.key_dim != work.shape.value_dim) return attend_one<0>(work, query, keys, values, out);
    switch (work.shape.key_dim) {
        case 64: return attend_one<64>(work, query, keys, values, out);
        case 128: return attend_one<128>(work, query, keys, values, out);
        default: return attend_one<0>(work, query, keys, values, out);
    }
}

using Attend = void (*)(const Work&, const float*, const float*, const float*, float*);

void attend_plain(const Work& work, const float* query, const float* keys, const float* values, float* out) { attend_any(work, query, keys, values, out); }

#ifdef GUIDED_X86_VERSIONS
[[gnu::target("avx2,fma")]] void attend_avx2(const Work& work, const float* query, const float* keys, const float* values, float* out) {
    attend_any(work, query, keys, values, out);
}

[[gnu::target("avx512f,avx512vl,avx512dq,fma")]] void attend_avx512(const Work& work, const float* query, const float* keys, const float* values, float* out) {
    attend_any(work, query, keys, values, out);
}
#endif

Attend compiled_for([[maybe_unused]] Vectors vectors) {
#ifdef GUIDED_X86_VERSIONS
    if (vectors == Vectors::kAvx512) return attend_avx512;
    if (vectors == Vectors::kAvx2) return attend_avx2;
#endif
    return attend_plain;
}

Vectors detected() {
#ifdef GUIDED_X86_VERSIONS
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) return Vectors::kAvx512;
    if (has_avx2) return Vectors::kAvx2;
#endif
    return Vectors::kBaseline;
}

}  // namespace

Vectors widest_vectors() {
    static const Vectors vectors = detected();
    return vectors;
}

SlotAttention::SlotAttention(std::vector<std::int32_t> slots, std::vector<SlotQuery> queries) : slots_(std::move(slots)), queries_(std::move(queries)) {
    for (const std::int32_t slot : slots_) {
        if (slot < 0) throw std::invalid_argument("a slot is negative");
        num_slots_ = std::max(num_slots_, static_cast<std::size_t>(slot) + 1);
    }
    for (const SlotQuery& query : queries_) {
        if (query.begin >= query.end || query.end > slots_.size()) throw std::invalid_argument("a query's slots are none, or not in the list");
        num_rows_ = std::max(num_rows_, std::size_t{query.row} + 1);
        longest_ = std::max(longest_, std::size_t{query.end} - query.begin);
    }
}

void SlotAttention::attend(const AttentionShape& shape, const float* queries, const float* keys, const float* values, float* out, Vectors vectors) const {
    const Attend attend = compiled_for(vectors);
    std::vector<float> scores(shape.num_heads * longest_);
    for (const SlotQuery& query : queries_) {
        const Work work{shape, slots_.data() + query.begin, query.end - query.begin, scores.data(), longest_};
        attend(work, queries + query.row * shape.query_row, keys, values, out + query.row * shape.out_row);
    }
}

}  // namespace guided
