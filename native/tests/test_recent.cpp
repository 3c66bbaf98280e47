// What is kept of values that were used: the last ones, as many as fit.
#include <memory>
#include <string>

#include "check.hpp"
#include "recent.hpp"

using namespace guided;

namespace {

using Texts = Recent<int, std::shared_ptr<const std::string>>;

std::shared_ptr<const std::string> text(int number) { return std::make_shared<const std::string>(std::to_string(number)); }

}  // namespace

TEST(recent_values_are_dropped_one_by_one_and_the_one_used_longest_ago_first) {
    Texts one(1 << 20);
    one.keep(0, text(0), 1000);
    Texts kept(4 * one.num_bytes());
    for (int i = 0; i < 4; ++i) kept.keep(i, text(i), 1000);
    CHECK(kept.size() == 4 && **kept.find(0) == "0");
    kept.keep(4, text(4), 1000);
    CHECK(kept.size() == 4 && kept.find(1) == nullptr);
    for (int i : {0, 2, 3, 4}) CHECK(kept.find(i) != nullptr && **kept.find(i) == std::to_string(i));
    CHECK(kept.num_bytes() == 4 * one.num_bytes());
}

TEST(recent_values_live_on_with_their_holders) {
    Texts kept(1);
    const auto held = kept.keep(0, text(0), 1000);
    CHECK(kept.size() == 1);  // the newest stays whatever its size
    kept.keep(1, text(1), 1000);
    CHECK(kept.size() == 1 && kept.find(0) == nullptr && *held == "0");
    int num = 0;
    kept.each([&](const auto& value) { num += *value == "1"; });
    CHECK(num == 1);
}
