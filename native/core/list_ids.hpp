// Lists of numbers, or of other small things, numbered in the order in which they are first met.
//
// All of them lie in one array, and a table of their hashes beside it: a list that is known is found without a copy, a new
// one costs no allocation of its own, and letting go of them all is letting go of three arrays.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

namespace guided {

constexpr std::uint64_t hashed_word(std::uint32_t x) { return x; }

template <class T = std::uint32_t>
class ListIds {
   public:
    using List = std::span<const T>;
    static constexpr std::uint32_t kMissing = 0xFFFFFFFF;

    std::uint32_t find(List list) const { return slots_.empty() ? kMissing : find(list, hashed(list)); }
    // Its number, and whether it is new. The list may not lie in here.
    std::pair<std::uint32_t, bool> insert(List list) {
        if (2 * (ends_.size() + 1) > slots_.size()) grow();
        const std::uint32_t hash = hashed(list);
        if (const std::uint32_t known = find(list, hash); known != kMissing) return {known, false};
        const auto id = static_cast<std::uint32_t>(ends_.size());
        items_.insert(items_.end(), list.begin(), list.end());
        ends_.push_back(static_cast<std::uint32_t>(items_.size()));
        place({hash, id});
        return {id, true};
    }
    std::pair<std::uint32_t, bool> insert(std::initializer_list<T> list) { return insert(List(list.begin(), list.size())); }
    List operator[](std::uint32_t id) const {  // valid until the next one is inserted
        const std::uint32_t begin = id == 0 ? 0 : ends_[id - 1];
        return {items_.data() + begin, ends_[id] - begin};
    }
    std::size_t size() const { return ends_.size(); }
    std::size_t num_bytes() const { return sizeof(T) * items_.size() + 4 * ends_.size() + slots_.size() * sizeof(Slot); }
    void clear() {  // the memory is kept, unless forgetting takes long
        if (slots_.size() > kMostForgotten) return void(*this = {});
        items_.clear(), ends_.clear();
        std::fill(slots_.begin(), slots_.end(), Slot{});
    }

   private:
    static constexpr std::size_t kMostForgotten = 256;

    struct Slot {
        std::uint32_t hash = 0, id = kMissing;
    };

    static std::uint32_t hashed(List list) {
        std::uint64_t h = 0x9E3779B97F4A7C15ull ^ list.size();
        for (const T& x : list) h = (h ^ hashed_word(x)) * 0xFF51AFD7ED558CCDull, h ^= h >> 32;
        return static_cast<std::uint32_t>(h);
    }
    std::uint32_t find(List list, std::uint32_t hash) const {
        for (std::size_t i = hash & mask_;; i = (i + 1) & mask_)
            if (slots_[i].id == kMissing || (slots_[i].hash == hash && std::ranges::equal((*this)[slots_[i].id], list))) return slots_[i].id;
    }
    void place(Slot slot) {
        std::size_t i = slot.hash & mask_;
        while (slots_[i].id != kMissing) i = (i + 1) & mask_;
        slots_[i] = slot;
    }
    void grow() {
        std::vector<Slot> old(slots_.empty() ? 16 : 2 * slots_.size());
        old.swap(slots_);
        mask_ = slots_.size() - 1;
        for (const Slot& slot : old)
            if (slot.id != kMissing) place(slot);
    }

    std::vector<T> items_;             // of all lists
    std::vector<std::uint32_t> ends_;  // where each ends in them
    std::vector<Slot> slots_;
    std::size_t mask_ = 0;
};

}  // namespace guided
