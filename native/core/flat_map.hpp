// A hash map from 64-bit keys to 32-bit values in one array, for tables that only grow and are asked all the time.
#pragma once

#include <cstdint>
#include <utility>

#include "slots.hpp"

namespace guided {

class FlatMap {
   public:
    static constexpr std::uint32_t kMissing = 0xFFFFFFFF;  // no value may be this

    std::uint32_t find(std::uint64_t key) const {
        const Slot* slot = slots_.find(hashed(key), [&](const Slot& s) { return s.key == key; });
        return slot ? slot->value : kMissing;
    }
    // What is kept under the key, which is `value` where nothing was; and whether that is so.
    std::pair<std::uint32_t, bool> try_insert(std::uint64_t key, std::uint32_t value) {
        if (const std::uint32_t known = find(key); known != kMissing) return {known, false};
        insert(key, value);
        return {value, true};
    }
    void assign(std::uint64_t key, std::uint32_t value) {
        if (Slot* slot = slots_.find(hashed(key), [&](const Slot& s) { return s.key == key; })) slot->value = value;
        else insert(key, value);
    }
    void insert(std::uint64_t key, std::uint32_t value) { slots_.insert({key, value}); }  // the key must not be there yet
    void reserve(std::size_t num) { slots_.reserve(num); }
    std::size_t size() const { return slots_.size(); }
    std::size_t num_bytes() const { return slots_.num_bytes(); }

   private:
    static std::size_t hashed(std::uint64_t x) {
        x = (x ^ (x >> 32)) * 0x9E3779B97F4A7C15ull;
        return static_cast<std::size_t>(x ^ (x >> 29));
    }
    struct Slot {
        std::uint64_t key = 0;
        std::uint32_t value = kMissing;

        bool is_used() const { return value != kMissing; }
        std::size_t hash() const { return hashed(key); }
    };

    Slots<Slot> slots_;
};

}  // namespace guided
