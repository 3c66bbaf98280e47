// Open addressing in one array: the table that everything here is found by.
//
// A slot says whether it is used and what its hash is; what it holds beside that is its owner's. Half of the slots at most
// are used, and none is ever taken out: tables only grow, or are built anew from what is still wanted.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include "blocks.hpp"

namespace guided {

template <class Slot>
class Slots {
   public:
    // The first slot with such a hash that is the wanted one, or null.
    template <class IsWanted>
    const Slot* find(std::size_t hash, IsWanted&& is_wanted) const {
        if (slots_.empty()) return nullptr;
        for (std::size_t i = hash & mask_; slots_[i].is_used(); i = (i + 1) & mask_)
            if (is_wanted(slots_[i])) return &slots_[i];
        return nullptr;
    }
    template <class IsWanted>
    Slot* find(std::size_t hash, IsWanted&& is_wanted) {
        return const_cast<Slot*>(std::as_const(*this).find(hash, is_wanted));
    }
    // Where the table has to grow, it keeps those of which `is_kept` says so.
    template <class IsKept>
    void insert(Slot&& slot, IsKept&& is_kept) {
        if (2 * (size_ + 1) > slots_.size()) rebuild(slots_.empty() ? 16 : 2 * slots_.size(), is_kept);
        place(std::move(slot));
    }
    void insert(Slot&& slot) { insert(std::move(slot), every); }
    void reserve(std::size_t num) {
        std::size_t room = std::max<std::size_t>(16, slots_.size());
        while (2 * (num + 1) > room) room *= 2;
        if (room > slots_.size()) rebuild(room, every);
    }
    template <class IsKept>
    void sweep(IsKept&& is_kept) {
        if (!slots_.empty()) rebuild(slots_.size(), is_kept);
    }
    void clear() {  // the memory is kept
        std::fill(slots_.begin(), slots_.end(), Slot{});
        size_ = 0;
    }
    template <class Use>
    void each(Use&& use) const {
        for (const Slot& slot : slots_)
            if (slot.is_used()) use(slot);
    }
    std::size_t size() const { return size_; }
    std::size_t room() const { return slots_.size(); }
    std::size_t num_bytes() const { return slots_.size() * sizeof(Slot); }

   private:
    static bool every(const Slot&) { return true; }
    void place(Slot&& slot) {
        std::size_t i = slot.hash() & mask_;
        while (slots_[i].is_used()) i = (i + 1) & mask_;
        slots_[i] = std::move(slot);
        ++size_;
    }
    template <class IsKept>
    void rebuild(std::size_t num, IsKept&& is_kept) {
        BlockVector<Slot> old(num);
        old.swap(slots_);
        mask_ = num - 1, size_ = 0;
        for (Slot& slot : old)
            if (slot.is_used() && is_kept(slot)) place(std::move(slot));
    }

    BlockVector<Slot> slots_;
    std::size_t mask_ = 0, size_ = 0;
};

}  // namespace guided
