// Numbers of a document, compared exactly: as spelled, whatever their size.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace guided {

// 0.DIGITS * 10^exponent, negative or not.
struct Decimal {
    bool is_negative = false;
    std::string digits;  // no zeros at either end; empty: the number is 0
    std::int64_t exponent = 0;

    explicit Decimal(std::string_view spelled);  // a JSON number, or what Python writes for one

    bool is_zero() const { return digits.empty(); }
    bool is_integer() const { return exponent >= static_cast<std::int64_t>(digits.size()); }
    // A length or count; everything beyond 4e9 is the same. For integers that are not negative.
    std::uint32_t as_count() const;
    bool operator==(const Decimal&) const = default;
    bool operator<(const Decimal& o) const;
};

}  // namespace guided
