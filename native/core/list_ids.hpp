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

#include "slots.hpp"

namespace guided {

constexpr std::uint64_t hashed_word(std::uint32_t x) { return x; }

template <class T = std::uint32_t>
class ListIds {
   public:
    using List = std::span<const T>;
    static constexpr std::uint32_t kMissing = 0xFFFFFFFF;

    std::uint32_t find(List list) const { return find(list, hashed(list)); }
    // Its number, and whether it is new. The list may not lie in here.
    std::pair<std::uint32_t, bool> insert(List list) {
        const std::uint32_t hash = hashed(list);
        if (const std::uint32_t known = find(list, hash); known != kMissing) return {known, false};
        const auto id = static_cast<std::uint32_t>(ends_.size());
        items_.insert(items_.end(), list.begin(), list.end());
        ends_.push_back(static_cast<std::uint32_t>(items_.size()));
        slots_.insert({hash, id});
        return {id, true};
    }
    std::pair<std::uint32_t, bool> insert(std::initializer_list<T> list) { return insert(List(list.begin(), list.size())); }
    List operator[](std::uint32_t id) const {  // valid until the next one is inserted
        const std::uint32_t begin = id == 0 ? 0 : ends_[id - 1];
        return {items_.data() + begin, ends_[id] - begin};
    }
    std::size_t size() const { return ends_.size(); }
    std::size_t num_bytes() const { return sizeof(T) * items_.size() + 4 * ends_.size() + slots_.num_bytes(); }
    void clear() {  // the memory is kept, unless forgetting takes long
        if (slots_.room() > kMostForgotten) return void(*this = {});
        items_.clear(), ends_.clear(), slots_.clear();
    }

   private:
    static constexpr std::size_t kMostForgotten = 256;

    struct Slot {
        std::uint32_t hashed = 0, id = kMissing;

        bool is_used() const { return id != kMissing; }
        std::size_t hash() const { return hashed; }
    };

    static std::uint32_t hashed(List list) {
        std::uint64_t h = 0x9E3779B97F4A7C15ull ^ list.size();
        for (const T& x : list) h = (h ^ hashed_word(x)) * 0xFF51AFD7ED558CCDull, h ^= h >> 32;
        return static_cast<std::uint32_t>(h);
    }
    std::uint32_t find(List list, std::uint32_t hash) const {
        const Slot* slot = slots_.find(hash, [&](const Slot& s) { return s.hashed == hash && std::ranges::equal((*this)[s.id], list); });
        return slot ? slot->id : kMissing;
    }

    BlockVector<T> items_;             // of all lists
    BlockVector<std::uint32_t> ends_;  // where each ends in them
    Slots<Slot> slots_;
};

}  // namespace guided
