// Room for small things that live as long as their owner: handed out from large blocks, let go of all at once.
//
// What lies in here must need no destructor. Letting go of it touches the blocks' heads only, not what is in them: where
// caches are cold that is most of what letting go of small things costs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "blocks.hpp"

namespace guided {

class Pile {
   public:
    Pile() = default;
    Pile(const Pile&) = delete;  // what it holds stays where it is
    Pile& operator=(const Pile&) = delete;
    ~Pile() {
        for (const auto& [first, size] : blocks_) BlockAllocator<std::byte>().deallocate(first, size);
    }

    template <class T>
    std::span<T> array(std::size_t num) {  // of default values
        static_assert(std::is_trivially_destructible_v<T>);
        T* first = static_cast<T*>(room(num * sizeof(T), alignof(T)));
        std::uninitialized_value_construct_n(first, num);
        return {first, num};
    }
    template <class T>
    std::span<const T> copy(std::span<const T> list) {
        static_assert(std::is_trivially_destructible_v<T>);
        T* first = static_cast<T*>(room(list.size_bytes(), alignof(T)));
        std::uninitialized_copy(list.begin(), list.end(), first);
        return {first, list.size()};
    }
    template <class T, class... Args>
    T* make(Args&&... args) {
        static_assert(std::is_trivially_destructible_v<T>);
        return new (room(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
    }
    std::size_t num_bytes() const { return num_bytes_; }

   private:
    static constexpr std::size_t kFirstBlock = 1024, kLargestBlock = 65536;

    void* room(std::size_t size, std::size_t alignment) {
        std::size_t at = (used_ + alignment - 1) / alignment * alignment;
        if (at + size > block_size_) {
            block_size_ = std::max(size, std::min(kLargestBlock, std::max(kFirstBlock, num_bytes_)));
            blocks_.emplace_back();
            blocks_.back() = {BlockAllocator<std::byte>().allocate(block_size_), block_size_};
            num_bytes_ += block_size_, at = 0;
        }
        used_ = at + size;
        return blocks_.back().first + at;
    }

    std::vector<std::pair<std::byte*, std::size_t>> blocks_;  // and how large each is
    std::size_t used_ = 0, block_size_ = 0;  // of the last block
    std::size_t num_bytes_ = 0;
};

}  // namespace guided
