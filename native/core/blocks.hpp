// Memory for large arrays, apart from the C library's heap and given back to the system as a whole.
//
// What a grammar grows are arrays, most of its bytes in few of them. In the heap they leave holes between what lives
// longer, rows and expressions shared by all grammars, and the heap stays as large as it ever was. Here an array of some
// pages or more is pages of its own; the last few that were given back are kept, since the next grammar wants the same.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace guided {

class Blocks {
   public:
    static constexpr std::size_t kLeast = 16 << 10;  // bytes; smaller ones are the heap's

    static void* take(std::size_t num_bytes);
    static void give_back(void* block, std::size_t num_bytes) noexcept;  // as many as were taken
    static void keep_none();                                             // all that is kept goes to the system now
    static std::size_t num_bytes();                                      // taken and not given back
};

template <class T>
struct BlockAllocator {
    using value_type = T;

    BlockAllocator() = default;
    template <class U>
    BlockAllocator(const BlockAllocator<U>&) noexcept {}
    T* allocate(std::size_t num) {
        if (num > static_cast<std::size_t>(-1) / 2 / sizeof(T)) throw std::bad_array_new_length();
        const std::size_t size = num * sizeof(T);
        return static_cast<T*>(size < Blocks::kLeast ? ::operator new(size) : Blocks::take(size));
    }
    void deallocate(T* first, std::size_t num) noexcept {
        const std::size_t size = num * sizeof(T);
        if (size < Blocks::kLeast) ::operator delete(first);
        else Blocks::give_back(first, size);
    }
    bool operator==(const BlockAllocator&) const = default;
};

// A vector that may get large.
template <class T>
using BlockVector = std::vector<T, BlockAllocator<T>>;

}  // namespace guided
