// A hash table of things that others hold: one array, without a copy of what they are found by.
//
// What nobody holds any more stays as an empty place until the next sweep, which whoever fills the table asks for.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "slots.hpp"

namespace guided {

template <class T>
class WeakTable {
   public:
    // The one that is equal, or null.
    template <class IsEqual>
    std::shared_ptr<T> find(std::uint64_t hash, IsEqual&& is_equal) const {
        std::shared_ptr<T> held;
        const Slot* slot = slots_.find(static_cast<std::uint32_t>(hash), [&](const Slot& s) {
            return s.hashed == static_cast<std::uint32_t>(hash) && (held = s.held.lock()) && is_equal(*held);
        });
        return slot ? held : nullptr;
    }
    void insert(std::uint64_t hash, const std::shared_ptr<T>& held) {
        slots_.insert({static_cast<std::uint32_t>(hash), true, held}, is_held);
    }
    void sweep() { slots_.sweep(is_held); }
    template <class Use>
    void each(Use&& use) const {
        slots_.each([&](const Slot& slot) {
            if (const auto held = slot.held.lock()) use(*held);
        });
    }
    std::size_t size() const { return slots_.size(); }  // with those that nobody holds any more
    std::size_t num_bytes() const { return slots_.num_bytes(); }

   private:
    struct Slot {
        std::uint32_t hashed = 0;
        bool is_occupied = false;
        std::weak_ptr<T> held{};

        bool is_used() const { return is_occupied; }
        std::size_t hash() const { return hashed; }
    };

    static bool is_held(const Slot& slot) { return !slot.held.expired(); }

    Slots<Slot> slots_;
};

}  // namespace guided
