// The ways in which a constraint fails; bindings turn them into Python's typed errors.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

namespace guided {

struct TooComplex : std::runtime_error {
    std::string what_is;
    std::int64_t limit;
    std::string name;                              // field of Limits that sets it; empty: it is fixed
    std::optional<std::uint32_t> schema = {};      // id of the schema that asked for it
    template <class Count>
    TooComplex(std::string what, Count limit, std::string name = "")
        : std::runtime_error(what), what_is(std::move(what)), limit(static_cast<std::int64_t>(limit)), name(std::move(name)) {}
};

struct Unsatisfiable : std::runtime_error {
    explicit Unsatisfiable(const std::string& reason) : std::runtime_error(reason) {}
};

// A schema that is fine, but asks for what cannot be enforced exactly.
struct Unsupported : std::runtime_error {
    std::string keyword;
    std::optional<std::uint32_t> schema = {};  // as above
    Unsupported(std::string keyword, const std::string& reason) : std::runtime_error(reason), keyword(std::move(keyword)) {}
};

}  // namespace guided
