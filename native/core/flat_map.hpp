// A hash map from 64-bit keys to 32-bit values in one array, for tables that only grow and are asked all the time.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace guided {

class FlatMap {
   public:
    static constexpr std::uint32_t kMissing = 0xFFFFFFFF;  // no value may be this

    std::uint32_t find(std::uint64_t key) const {
        if (slots_.empty()) return kMissing;
        for (std::size_t i = hashed(key) & mask_;; i = (i + 1) & mask_)
            if (slots_[i].value == kMissing || slots_[i].key == key) return slots_[i].value;
    }
    // What is kept under the key, which is `value` where nothing was; and whether that is so.
    std::pair<std::uint32_t, bool> try_insert(std::uint64_t key, std::uint32_t value) {
        if (const std::uint32_t known = find(key); known != kMissing) return {known, false};
        insert(key, value);
        return {value, true};
    }
    void assign(std::uint64_t key, std::uint32_t value) {
        if (find(key) == kMissing) return insert(key, value);
        std::size_t i = hashed(key) & mask_;
        while (slots_[i].key != key) i = (i + 1) & mask_;
        slots_[i].value = value;
    }
    // The key must not be there yet.
    void insert(std::uint64_t key, std::uint32_t value) {
        if (2 * (size_ + 1) > slots_.size()) grow();
        ++size_;
        place({key, value});
    }
    void reserve(std::size_t num) {
        while (2 * (num + 1) > slots_.size()) grow();
    }
    std::size_t size() const { return size_; }
    std::size_t num_bytes() const { return slots_.size() * sizeof(Slot); }

   private:
    struct Slot {
        std::uint64_t key = 0;
        std::uint32_t value = kMissing;
    };

    static std::size_t hashed(std::uint64_t x) {
        x = (x ^ (x >> 32)) * 0x9E3779B97F4A7C15ull;
        return static_cast<std::size_t>(x ^ (x >> 29));
    }
    void place(const Slot& slot) {
        std::size_t i = hashed(slot.key) & mask_;
        while (slots_[i].value != kMissing) i = (i + 1) & mask_;
        slots_[i] = slot;
    }
    void grow() {
        std::vector<Slot> old(slots_.empty() ? 16 : 2 * slots_.size());
        old.swap(slots_);
        mask_ = slots_.size() - 1;
        for (const Slot& slot : old)
            if (slot.value != kMissing) place(slot);
    }

    std::vector<Slot> slots_;
    std::size_t mask_ = 0, size_ = 0;
};

}  // namespace guided
