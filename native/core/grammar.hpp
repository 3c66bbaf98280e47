// What is handed out: a builder that collects expressions, schemas and grammar nodes, and the grammar compiled from them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "mask.hpp"

namespace guided {

class Grammar;

class Builder {
   public:
    Builder(std::uint64_t max_expressions, std::uint64_t max_states);

    Machine& machine() { return *machine_; }
    std::uint32_t lexeme(ExprId e);
    std::uint32_t raw(const std::string& bytes);
    std::uint32_t json(SchemaId schema, const Layout& layout);
    std::uint32_t sequence(const std::vector<std::uint32_t>& parts);
    std::uint32_t choice(const std::vector<std::uint32_t>& parts);
    std::uint32_t repetition(std::uint32_t part, std::uint32_t min, std::uint32_t max, std::uint32_t separator);
    std::uint32_t check_node(std::uint32_t node) const;
    // The builder is spent afterwards.
    std::shared_ptr<Grammar> compile(std::uint32_t root, std::shared_ptr<Trie> trie);

   private:
    std::uint32_t add(GrammarNode node);
    std::optional<ExprId> regular(const std::vector<std::uint32_t>& parts, bool is_choice);

    std::unique_ptr<Machine> machine_;
};

class Grammar {
   public:
    static constexpr StateId kEnded = 0;  // after an end-of-text token: nothing may come

    Grammar(std::unique_ptr<Machine> machine, std::shared_ptr<Trie> trie);

    const Trie& trie() const { return *trie_; }
    StateId start(const std::string& prefix);
    std::optional<StateId> accept_token(StateId state, std::int32_t token);
    std::optional<StateId> accept_bytes(StateId state, const std::string& bytes);
    const std::shared_ptr<const Row>& row(StateId state);
    bool is_accepting(StateId state);
    std::string forced(StateId state) { return state == kEnded ? "" : machine_->forced(states_[state].config); }
    std::string shortest(StateId state) { return state == kEnded ? "" : machine_->shortest(states_[state].config); }
    std::size_t num_states() const { return states_.size(); }
    std::size_t num_rows() const { return rows_.size(); }

   private:
    struct State {
        Config config;
        std::shared_ptr<const Row> row;
        std::int8_t accepting = -1;  // -1: not asked yet
    };
    StateId intern(const Config& config);
    std::shared_ptr<const Row> shared(Row row);

    std::unique_ptr<Machine> machine_;
    std::shared_ptr<Trie> trie_;
    Masker masker_;
    std::vector<State> states_;
    std::unordered_map<std::vector<std::uint32_t>, StateId, VectorHash> state_ids_;
    std::unordered_map<std::uint64_t, StateId> after_token_;
    std::unordered_multimap<std::uint64_t, std::shared_ptr<const Row>> rows_;
};

}  // namespace guided
