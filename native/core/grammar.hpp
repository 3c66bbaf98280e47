// What is handed out: a builder that collects expressions, schemas and grammar nodes, and the grammar compiled from them.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
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

// The frames of a configuration, which are few: those need no memory of their own.
class FewFrames {
   public:
    explicit FewFrames(const Config& config) : size_(static_cast<std::uint32_t>(config.size())) {
        if (size_ > kFew) many_ = std::make_unique<FrameId[]>(size_);
        std::ranges::copy(config, size_ > kFew ? many_.get() : few_.data());
    }
    std::span<const FrameId> list() const { return {size_ > kFew ? many_.get() : few_.data(), size_}; }

   private:
    static constexpr std::uint32_t kFew = 5;
    std::uint32_t size_;
    std::array<FrameId, kFew> few_;
    std::unique_ptr<FrameId[]> many_;
};

// A state lives as long as somebody holds it: a matcher, or the short memory of states used last. There are many, so
// most of them are one piece of memory.
struct State {
    explicit State(const Config& c) : config(c) {}
    FewFrames config;
    std::shared_ptr<const Row> row;       // made when first asked for
    std::int8_t accepting = -1;           // -1: not asked yet
    bool is_ended = false;                // after an end-of-text token: nothing may come
    struct Step {
        std::int32_t token = -1;
        std::weak_ptr<State> to{};
    };
    Step first_step;               // the one that was made first: of most states there is one
    std::vector<Step> more_steps;  // by token

    Step* step(std::int32_t token);  // null: not made yet
    void add_step(std::int32_t token, const std::shared_ptr<State>& to);
    std::size_t num_steps() const { return (first_step.token >= 0) + more_steps.size(); }
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
    std::string forced(const StatePtr& state) { return state->is_ended ? "" : machine_->forced(config_of(*state)); }
    std::string shortest(const StatePtr& state) { return state->is_ended ? "" : machine_->shortest(config_of(*state)); }
    std::size_t num_states() const { return states_.size(); }
    std::size_t num_rows() const { return rows_.size(); }
    // Held beside the vocabulary's tables, about; and how much of it since it was compiled.
    std::size_t num_bytes() const { return machine_->num_bytes() + masker_.num_bytes() + states_.size() * kStateBytes + num_steps_ * kStepBytes + row_bytes_; }
    std::size_t num_bytes_grown() const { return num_bytes() - num_bytes_compiled_; }

   private:
    static constexpr std::size_t kRecent = 4096, kRowBytes = 16u << 20;
    static constexpr std::size_t kStateBytes = 240, kStepBytes = 40;  // with their places in tables, about

    StatePtr intern(const Config& config);
    static Config config_of(const State& state) { return {state.config.list().begin(), state.config.list().end()}; }
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
    Config at_, next_;  // room to work in
};

}  // namespace guided
