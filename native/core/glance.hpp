// What is known of one value while its choices are being made.
#pragma once

#include "schema.hpp"

namespace guided {

struct Glance {
    Schemas& schemas;
    TypeBit type;
    Lits nodes;  // literals that hold, those applied in place included

    bool add(const Lits& lits, std::uint32_t depth = 0);  // false: certainly nothing satisfies them all
    bool implies(Lit l, std::uint32_t depth = 0) const;
    bool implies(const Lits& all) const;
    std::optional<std::vector<KeyId>> witnesses(const SomeKey& some) const;

   private:
    bool is_required(KeyId key) const;
    Lits at(KeyId key) const;
    bool may_be_array(std::uint32_t depth) const;
    bool may_have(const SomeItems& some, std::uint32_t depth) const;
    bool may_be_object(std::size_t fresh, std::uint32_t depth);
    bool implies_at(KeyId key, Lit value) const;
    bool implies_keys(const SchemaNode& s) const;
    bool implies_counts(const SchemaNode& s) const;
};

}  // namespace guided
