// What is known of one value while its choices are being made.
#pragma once

#include "schema.hpp"

namespace guided {

class Glance {
   public:
    Glance(Schemas& schemas, TypeBit type) : schemas_(schemas), type_(type) {}
    // The same, to add to; what is known is looked up in `base`, which must live and not change meanwhile.
    struct Beside {
        const Glance& base;
    };
    explicit Glance(Beside beside)
        : schemas_(beside.base.schemas_), type_(beside.base.type_), nodes_(beside.base.nodes_), base_(&beside.base), num_in_base_(nodes_.size()),
          required_(beside.base.required_), seeking_(beside.base.seeking_), least_(beside.base.least_), most_(beside.base.most_) {}

    TypeBit type() const { return type_; }
    bool add(const Lits& lits, std::uint32_t depth = 0);  // false: certainly nothing satisfies them all
    bool implies(Lit l, std::uint32_t depth = 0) const;
    bool implies(const Lits& all) const;
    std::optional<std::vector<KeyId>> witnesses(const SomeKey& some) const;

   private:
    std::span<const Lit> at(KeyId key) const;  // until it is asked again
    bool may_be_array(std::uint32_t depth) const;
    bool may_have(const SomeItems& some, std::uint32_t depth) const;
    bool may_be_object(std::size_t fresh, std::uint32_t depth);
    void add_required(const SchemaNode& s);
    bool implies_at(KeyId key, Lit value) const;
    bool implies_keys(const SchemaNode& s) const;
    bool implies_counts(const SchemaNode& s) const;

    Schemas& schemas_;
    TypeBit type_;
    Lits nodes_;  // literals that hold, those applied in place included
    const Glance* base_ = nullptr;
    std::size_t num_in_base_ = 0;  // of the nodes
    // Of objects: the keys that must come, the nodes that ask for keys without a name, and how many keys there may be.
    std::vector<KeyId> required_;  // ascending
    Lits seeking_;
    std::uint32_t least_ = 0, most_ = kUnbounded;
    // What the nodes say of each key that has been asked for, one list after the other.
    struct Said {
        std::uint32_t begin, size;
    };
    mutable FlatMap said_at_;
    mutable std::vector<Said> said_;
    mutable Lits values_;
};

}  // namespace guided
