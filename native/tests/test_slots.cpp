#include <cstdio>
#include <memory>
#include <random>
#include <unordered_map>
#include <vector>

#include "check.hpp"
#include "flat_map.hpp"
#include "list_ids.hpp"
#include "weak_table.hpp"

#ifdef __linux__
#include <unistd.h>
#endif

using namespace guided;

TEST(a_flat_map_is_a_map) {
    std::mt19937_64 random(1);
    FlatMap map;
    std::unordered_map<std::uint64_t, std::uint32_t> expected;
    CHECK(map.find(0) == FlatMap::kMissing);
    bool is_as_expected = true;
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        const std::uint64_t key = random() % 30'000 << (random() % 2 * 40);
        if (i % 3 == 0) {
            map.assign(key, i), expected[key] = i;
        } else {
            const auto [it, is_new] = expected.try_emplace(key, i);
            const auto found = map.try_insert(key, i);
            is_as_expected = is_as_expected && found.first == it->second && found.second == is_new;
        }
    }
    CHECK(is_as_expected);
    CHECK(map.size() == expected.size());
    bool are_all_there = true;
    for (const auto& [key, value] : expected) are_all_there = are_all_there && map.find(key) == value;
    CHECK(are_all_there);
    map.reserve(1'000'000);
    CHECK(map.size() == expected.size() && map.find(expected.begin()->first) == expected.begin()->second);
    CHECK(map.find(~std::uint64_t(0)) == FlatMap::kMissing);
}

TEST(lists_are_numbered_as_they_are_met) {
    for (const std::uint32_t num : {5u, 5'000u}) {  // forgotten in place, and by letting go
        ListIds<> lists;
        for (int round = 0; round < 2; ++round) {
            CHECK(lists.find(std::vector<std::uint32_t>{}) == ListIds<>::kMissing);
            bool is_as_expected = true;
            for (std::uint32_t i = 0; i < num; ++i) {
                const std::vector<std::uint32_t> list(i % 7, i);
                const auto [id, is_new] = lists.insert(list);
                is_as_expected = is_as_expected && is_new == (i % 7 != 0 || i == 0) && lists.find(list) == id;
            }
            CHECK(is_as_expected);
            CHECK(lists.size() == num - (num - 1) / 7);
            lists.clear();
            CHECK(lists.size() == 0);
        }
    }
}

TEST(a_weak_table_forgets_what_nobody_holds) {
    WeakTable<int> table;
    std::vector<std::shared_ptr<int>> held;
    for (int i = 0; i < 10'000; ++i) {
        const auto made = std::make_shared<int>(i);
        table.insert(static_cast<std::uint64_t>(i % 100), made);
        if (i % 10 == 0) held.push_back(made);
    }
    CHECK(table.size() < 10'000);  // it grew without those that were gone
    for (const auto& one : held) CHECK(table.find(static_cast<std::uint64_t>(*one % 100), [&](int i) { return i == *one; }) == one);
    CHECK(!table.find(1, [](int i) { return i == 1; }));
    table.sweep();
    CHECK(table.size() == held.size());
    std::size_t num = 0;
    table.each([&](int) { ++num; });
    CHECK(num == held.size());
}

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)

namespace {

std::size_t resident() {
    std::FILE* file = std::fopen("/proc/self/statm", "r");
    unsigned long all = 0, here = 0;
    const int num_read = file ? std::fscanf(file, "%lu %lu", &all, &here) : 0;
    if (file) std::fclose(file);
    return num_read == 2 ? here * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace

TEST(large_arrays_go_back_to_the_system_whatever_lives_between_them) {
    constexpr std::size_t kNum = 1000, kSize = 64 << 10;
    std::vector<std::unique_ptr<BlockVector<char>>> large;
    std::vector<std::unique_ptr<char[]>> small;
    large.reserve(kNum), small.reserve(kNum);
    Blocks::keep_none();
    const std::size_t before = resident();
    for (std::size_t i = 0; i < kNum; ++i) {
        large.push_back(std::make_unique<BlockVector<char>>(kSize, 'x'));
        small.push_back(std::make_unique<char[]>(1000));
    }
    CHECK(resident() >= before + kNum * kSize / 2);
    large.clear();
    CHECK(resident() < before + kNum * kSize / 4);  // some are kept for who comes next
    Blocks::keep_none();
    CHECK(resident() < before + (4u << 20));
}

#endif
