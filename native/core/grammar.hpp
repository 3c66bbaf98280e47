// What is handed out: a builder that collects expressions, schemas and grammar nodes, and the grammar compiled from them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mask.hpp"
#include "weak_table.hpp"

namespace guided {

class Grammar;

class Builder {
   public:
    explicit Builder(const Limits& limits = {});

    Machine& machine() { return *machine_; }
    std::uint32_t lexeme(ExprId e);
    std::uint32_t raw(const std::string& bytes);
    std::uint32_t json(SchemaId schema, const Layout& layout, bool may_exceed = false);
    std::uint32_t sequence(const std::vector<std::uint32_t>& parts);
    std::uint32_t choice(const std::vector<std::uint32_t>& parts);
    std::uint32_t repetition(std::uint32_t part, std::uint32_t min, std::uint32_t max, std::uint32_t separator);
    std::uint32_t rule();  // to be defined: rules may call each other and themselves
    void define_rule(std::uint32_t node, const std::vector<std::vector<std::uint32_t>>& alternatives);
    std::uint32_t check_node(std::uint32_t node) const;
    // The builder is spent afterwards.
    std::shared_ptr<Grammar> compile(std::uint32_t root, std::shared_ptr<Trie> trie);

   private:
    std::uint32_t add(GrammarNode node);
    std::optional<ExprId> regular(const std::vector<std::uint32_t>& parts, bool is_choice);

    std::unique_ptr<Machine> machine_;
};

// A state lives as long as somebody holds it: a matcher, or the short memory of states used last.
struct State {
    explicit State(Config c) : config(std::move(c)) {}
    Config config;
    std::shared_ptr<const Row> row;       // made when first asked for
    std::int8_t accepting = -1;           // -1: not asked yet
    bool is_ended = false;                // after an end-of-text token: nothing may come
    struct Step {
        std::int32_t token;
        std::weak_ptr<State> to;
    };
    std::vector<Step> steps;  // that were made, by token: of most states there is one
};
using StatePtr = std::shared_ptr<State>;

class Grammar {
   public:
    Grammar(std::unique_ptr<Machine> machine, std::shared_ptr<Trie> trie);

    const Trie& trie() const { return *trie_; }
    StatePtr start(const std::string& prefix);
    StatePtr accept_token(const StatePtr& state, std::int32_t token);        // null: not allowed
    StatePtr accept_bytes(const StatePtr& state, std::string_view bytes);  // null: not allowed
    const std::shared_ptr<const Row>& row(const StatePtr& state);
    bool is_accepting(const StatePtr& state);
    std::string forced(const StatePtr& state) { return state->is_ended ? "" : machine_->forced(state->config); }
    std::string shortest(const StatePtr& state) { return state->is_ended ? "" : machine_->shortest(state->config); }
    std::size_t num_states() const { return states_.size(); }
    std::size_t num_rows() const { return rows_.size(); }
    // Held beside the vocabulary's tables, about; and how much of it since it was compiled.
    std::size_t num_bytes() const { return machine_->num_bytes() + masker_.num_bytes() + states_.size() * kStateBytes + num_steps_ * kStepBytes + row_bytes_; }
    std::size_t num_bytes_grown() const { return num_bytes() - num_bytes_compiled_; }

   private:
    static constexpr std::size_t kRecent = 4096, kRowBytes = 16u << 20;
    static constexpr std::size_t kStateBytes = 240, kStepBytes = 40;  // with their places in tables, about

    StatePtr intern(Config config);
    std::shared_ptr<const Row> shared(Row row);
    void sweep();

    std::unique_ptr<Machine> machine_;
    std::shared_ptr<Trie> trie_;
    Masker masker_;
    StatePtr ended_;
    WeakTable<State> states_;
    std::size_t num_steps_ = 0;  // of states, those that died since the last sweep included
    std::size_t sweep_at_ = 4 * kRecent;
    std::vector<StatePtr> recent_;  // a ring
    std::size_t next_recent_ = 0;
    std::size_t num_bytes_compiled_ = 0;
    std::size_t sweep_at_row_bytes_ = kRowBytes;
    std::size_t row_bytes_ = 0;  // of rows_, those that died since the last sweep included
    WeakTable<const Row> rows_;
};

}  // namespace guided
