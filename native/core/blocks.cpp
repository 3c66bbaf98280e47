#include "blocks.hpp"

#include <atomic>
#include <mutex>

#if (defined(__unix__) || defined(__APPLE__)) && !defined(__SANITIZE_ADDRESS__)  // sanitizers watch the heap
#define GUIDED_HAS_BLOCKS
#include <sys/mman.h>
#endif

namespace guided {

#ifdef GUIDED_HAS_BLOCKS

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kMostKept = 8u << 20;     // bytes
constexpr std::size_t kLargestKept = 1u << 20;  // bytes of one

struct Kept {
    void* block;
    std::size_t size;
};

struct Store {
    std::mutex lock;
    std::vector<Kept> kept;  // given back last, last
    std::size_t num_bytes = 0;               // of them
    std::atomic<std::size_t> num_taken = 0;  // bytes, and not given back
};

Store& store() {
    static Store& only = *new Store;  // grammars are let go of until the very end of the process
    return only;
}

std::size_t whole_pages(std::size_t num_bytes) { return (num_bytes + kPage - 1) / kPage * kPage; }

}  // namespace

void* Blocks::take(std::size_t num_bytes) {
    const std::size_t size = whole_pages(num_bytes);
    if (size <= kLargestKept) {
        Store& s = store();
        const std::lock_guard guard(s.lock);
        for (std::size_t i = s.kept.size(); i-- > 0;) {
            if (s.kept[i].size != size) continue;
            void* block = s.kept[i].block;
            s.kept.erase(s.kept.begin() + static_cast<std::ptrdiff_t>(i));
            s.num_bytes -= size, s.num_taken += size;
            return block;
        }
    }
    void* block = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) throw std::bad_alloc();
    store().num_taken += size;
    return block;
}

void Blocks::give_back(void* block, std::size_t num_bytes) noexcept {
    const std::size_t size = whole_pages(num_bytes);
    store().num_taken -= size;
    if (size > kLargestKept) return void(munmap(block, size));
    Store& s = store();
    const std::lock_guard guard(s.lock);
    try {
        s.kept.push_back({block, size});
    } catch (const std::bad_alloc&) {
        return void(munmap(block, size));
    }
    s.num_bytes += size;
    std::size_t num_dropped = 0;
    for (; s.num_bytes > kMostKept; ++num_dropped) {
        munmap(s.kept[num_dropped].block, s.kept[num_dropped].size);
        s.num_bytes -= s.kept[num_dropped].size;
    }
    s.kept.erase(s.kept.begin(), s.kept.begin() + static_cast<std::ptrdiff_t>(num_dropped));
}

void Blocks::keep_none() {
    Store& s = store();
    const std::lock_guard guard(s.lock);
    for (const Kept& kept : s.kept) munmap(kept.block, kept.size);
    s.kept.clear(), s.num_bytes = 0;
}

std::size_t Blocks::num_bytes() { return store().num_taken; }

#else

void* Blocks::take(std::size_t num_bytes) { return ::operator new(num_bytes); }
void Blocks::give_back(void* block, std::size_t) noexcept { ::operator delete(block); }
void Blocks::keep_none() {}
std::size_t Blocks::num_bytes() { return 0; }

#endif

}  // namespace guided
