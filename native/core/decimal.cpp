#include "decimal.hpp"

namespace guided {

Decimal::Decimal(std::string_view spelled) {
    std::size_t i = 0;
    if (i < spelled.size() && (spelled[i] == '-' || spelled[i] == '+')) is_negative = spelled[i++] == '-';
    std::int64_t before_point = 0;  // digits
    bool is_behind_point = false;
    for (; i < spelled.size() && spelled[i] != 'e' && spelled[i] != 'E'; ++i) {
        if (spelled[i] == '.') {
            is_behind_point = true;
            continue;
        }
        if (digits.empty() && spelled[i] == '0') {
            before_point -= is_behind_point;
            continue;
        }
        digits += spelled[i];
        before_point += !is_behind_point;
    }
    if (i < spelled.size()) {
        const bool is_down = ++i < spelled.size() && spelled[i] == '-';
        std::int64_t power = 0;
        for (; i < spelled.size(); ++i)
            if (spelled[i] >= '0' && spelled[i] <= '9' && power < 4'000'000'000'000'000'000 / 10) power = power * 10 + (spelled[i] - '0');
        exponent = is_down ? -power : power;
    }
    exponent += before_point;
    while (!digits.empty() && digits.back() == '0') digits.pop_back();
    if (digits.empty()) is_negative = false, exponent = 0;
}

std::uint32_t Decimal::as_count() const {
    constexpr std::uint64_t kMost = 4'000'000'000;
    if (exponent > 10) return kMost;
    std::uint64_t out = 0;
    for (std::int64_t i = 0; i < exponent; ++i)
        out = out * 10 + (i < static_cast<std::int64_t>(digits.size()) ? static_cast<std::uint64_t>(digits[static_cast<std::size_t>(i)] - '0') : 0);
    return static_cast<std::uint32_t>(out < kMost ? out : kMost);
}

bool Decimal::operator<(const Decimal& o) const {
    const int sign = is_zero() ? 0 : is_negative ? -1 : 1, other = o.is_zero() ? 0 : o.is_negative ? -1 : 1;
    if (sign != other) return sign < other;
    if (sign == 0) return false;
    const Decimal& low = is_negative ? o : *this;
    const Decimal& high = is_negative ? *this : o;
    return low.exponent != high.exponent ? low.exponent < high.exponent : low.digits < high.digits;
}

}  // namespace guided
