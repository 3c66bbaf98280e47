// A hash table of things that others hold: one array, without a copy of what they are found by.
//
// What nobody holds any more stays as an empty place until the next sweep, which whoever fills the table asks for.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace guided {

template <class T>
class WeakTable {
   public:
    // The one that is equal, or null.
    template <class IsEqual>
    std::shared_ptr<T> find(std::uint64_t hash, IsEqual&& is_equal) const {
        if (slots_.empty()) return nullptr;
        for (std::size_t i = hash & mask_; slots_[i].is_used; i = (i + 1) & mask_) {
            if (slots_[i].hash != static_cast<std::uint32_t>(hash)) continue;
            if (auto held = slots_[i].held.lock(); held && is_equal(*held)) return held;
        }
        return nullptr;
    }
    void insert(std::uint64_t hash, const std::shared_ptr<T>& held) {
        if (2 * (size_ + 1) > slots_.size()) rebuild(slots_.empty() ? 16 : 2 * slots_.size());
        place({static_cast<std::uint32_t>(hash), true, held});
    }
    void sweep() { rebuild(slots_.size()); }
    template <class Use>
    void each(Use&& use) const {
        for (const Slot& slot : slots_)
            if (const auto held = slot.held.lock()) use(*held);
    }
    std::size_t size() const { return size_; }  // with those that nobody holds any more
    std::size_t num_bytes() const { return slots_.size() * sizeof(Slot); }

   private:
    struct Slot {
        std::uint32_t hash = 0;
        bool is_used = false;
        std::weak_ptr<T> held{};
    };

    void place(Slot&& slot) {
        std::size_t i = slot.hash & mask_;
        while (slots_[i].is_used) i = (i + 1) & mask_;
        slots_[i] = std::move(slot);
        ++size_;
    }
    void rebuild(std::size_t num_slots) {
        std::vector<Slot> old(num_slots);
        old.swap(slots_);
        mask_ = slots_.size() - 1, size_ = 0;
        for (Slot& slot : old)
            if (slot.is_used && !slot.held.expired()) place(std::move(slot));
    }

    std::vector<Slot> slots_;
    std::size_t mask_ = 0, size_ = 0;
};

}  // namespace guided
