#include "grammar.hpp"

#include <algorithm>
#include <stdexcept>

#include "errors.hpp"

namespace guided {

namespace {

constexpr std::uint32_t kMaxNodeDepth = 1000;
constexpr std::size_t kMaxRemembered = 1u << 20;  // transitions by token

// Code points of valid UTF-8, or nothing.
std::optional<std::u32string> decoded(const std::string& bytes) {
    std::u32string out;
    Partial partial = 0;
    for (char b : bytes) {
        const SpellStep s = spell_step(Spelling::Text, partial, static_cast<std::uint8_t>(b));
        if (s.kind == SpellStep::Dead) return std::nullopt;
        if (s.kind == SpellStep::Char) out.push_back(s.value), partial = 0; else partial = s.value;
    }
    if (partial) return std::nullopt;
    return out;
}

}  // namespace

Builder::Builder(std::uint64_t max_expressions, std::uint64_t max_states)
    : machine_(std::make_unique<Machine>(max_expressions, max_states)) {}

std::uint32_t Builder::check_node(std::uint32_t node) const {
    if (node >= machine_->nodes.size()) throw std::invalid_argument("no such grammar node: " + std::to_string(node));
    return node;
}

std::uint32_t Builder::add(GrammarNode node) {
    auto& nodes = machine_->nodes;
    for (std::uint32_t part : node.parts) node.depth = std::max(node.depth, nodes[part].depth + 1);
    if (node.kind == GrammarNode::Repetition) {
        node.depth = nodes[node.a].depth + 1;
        if (node.separator != kNone) node.depth = std::max(node.depth, nodes[node.separator].depth + 1);
    }
    if (node.depth > kMaxNodeDepth) throw TooComplex("nesting of a grammar", kMaxNodeDepth);
    nodes.push_back(std::move(node));
    return static_cast<std::uint32_t>(nodes.size() - 1);
}

std::uint32_t Builder::lexeme(ExprId e) {
    GrammarNode n{};
    n.kind = GrammarNode::Lexeme, n.a = e;
    return add(std::move(n));
}

std::uint32_t Builder::raw(const std::string& bytes) {
    if (auto text = decoded(bytes)) return lexeme(machine_->pool.literal(*text));
    GrammarNode n{};
    n.kind = GrammarNode::Raw, n.a = static_cast<std::uint32_t>(machine_->texts.size());
    machine_->texts.push_back(bytes);
    return add(std::move(n));
}

std::uint32_t Builder::json(SchemaId schema, const Layout& layout) {
    GrammarNode n{};
    n.kind = GrammarNode::Json;
    n.a = machine_->schemas.goal(machine_->schemas.add_layout(layout), {schema});
    return add(std::move(n));
}

// Neighbours that are regular languages become one: the automaton settles where one ends and the next begins.
std::optional<ExprId> Builder::regular(const std::vector<std::uint32_t>& parts, bool is_choice) {
    std::vector<ExprId> exprs;
    for (std::uint32_t part : parts) {
        const GrammarNode& n = machine_->nodes[check_node(part)];
        if (n.kind != GrammarNode::Lexeme) return std::nullopt;
        exprs.push_back(n.a);
    }
    return is_choice ? machine_->pool.alt(std::move(exprs)) : machine_->pool.cat(exprs);
}

std::uint32_t Builder::sequence(const std::vector<std::uint32_t>& parts) {
    GrammarNode n{};
    n.kind = GrammarNode::Sequence;
    for (std::size_t i = 0; i < parts.size();) {
        std::vector<std::uint32_t> run;
        while (i < parts.size() && machine_->nodes[check_node(parts[i])].kind == GrammarNode::Lexeme) run.push_back(parts[i++]);
        if (!run.empty()) n.parts.push_back(run.size() == 1 ? run[0] : lexeme(*regular(run, false)));
        if (i < parts.size() && run.empty()) n.parts.push_back(parts[i++]);
    }
    if (n.parts.empty()) return lexeme(ExprPool::kEpsilon);
    return n.parts.size() == 1 ? n.parts[0] : add(std::move(n));
}

std::uint32_t Builder::choice(const std::vector<std::uint32_t>& parts) {
    GrammarNode n{};
    n.kind = GrammarNode::Choice;
    std::vector<std::uint32_t> lexemes;
    for (std::uint32_t part : parts)
        (machine_->nodes[check_node(part)].kind == GrammarNode::Lexeme ? lexemes : n.parts).push_back(part);
    if (!lexemes.empty()) n.parts.push_back(lexeme(*regular(lexemes, true)));
    if (n.parts.empty()) return lexeme(ExprPool::kEmpty);
    return n.parts.size() == 1 ? n.parts[0] : add(std::move(n));
}

std::uint32_t Builder::repetition(std::uint32_t part, std::uint32_t min, std::uint32_t max, std::uint32_t separator) {
    const bool has_separator = separator != kNone;
    ExprPool& pool = machine_->pool;
    if (auto e = regular(has_separator ? std::vector{part, separator} : std::vector{part}, false)) {
        const ExprId one = machine_->nodes[part].a;
        if (!has_separator) return lexeme(pool.repeat(one, min, max));
        const std::uint32_t fewer = max == kUnbounded ? max : max == 0 ? 0 : max - 1;
        const ExprId more = pool.repeat(pool.cat(machine_->nodes[separator].a, one), min == 0 ? 0 : min - 1, fewer);
        const ExprId some = max == 0 ? ExprPool::kEpsilon : pool.cat(one, more);
        return lexeme(min == 0 ? pool.alt({ExprPool::kEpsilon, some}) : some);
    }
    GrammarNode n{};
    n.kind = GrammarNode::Repetition, n.a = part, n.min = min, n.max = max, n.separator = separator;
    return add(std::move(n));
}

std::shared_ptr<Grammar> Builder::compile(std::uint32_t root, std::shared_ptr<Trie> trie) {
    check_node(root);
    machine_->finish(root);
    return std::make_shared<Grammar>(std::move(machine_), std::move(trie));
}

Grammar::Grammar(std::unique_ptr<Machine> machine, std::shared_ptr<Trie> trie)
    : machine_(std::move(machine)), trie_(std::move(trie)), masker_(*machine_, *trie_) {
    states_.push_back({});
    state_ids_.emplace(Config{}, kEnded);
    states_[kEnded].row = std::make_shared<Row>();
    states_[kEnded].accepting = 0;
}

StateId Grammar::intern(const Config& config) {
    auto [it, fresh] = state_ids_.try_emplace(config, static_cast<StateId>(states_.size()));
    if (fresh) states_.push_back({config, nullptr, -1});
    return it->second;
}

StateId Grammar::start(const std::string& prefix) { return intern(machine_->start(prefix)); }

std::optional<StateId> Grammar::accept_bytes(StateId state, const std::string& bytes) {
    if (state == kEnded) return bytes.empty() ? std::optional(state) : std::nullopt;
    Config at = states_[state].config, next;
    for (char b : bytes) {
        machine_->step(at, static_cast<std::uint8_t>(b), next);
        if (next.empty()) return std::nullopt;
        std::swap(at, next);
    }
    return intern(at);
}

std::optional<StateId> Grammar::accept_token(StateId state, std::int32_t token) {
    if (state == kEnded) return std::nullopt;
    if (trie_->is_eos(token)) return is_accepting(state) ? std::optional(kEnded) : std::nullopt;
    const std::string* bytes = trie_->bytes_of(token);
    if (!bytes) return std::nullopt;
    const std::uint64_t key = (std::uint64_t(state) << 32) | static_cast<std::uint32_t>(token);
    if (auto it = after_token_.find(key); it != after_token_.end()) return it->second;
    const auto to = accept_bytes(state, *bytes);
    if (to) {
        if (after_token_.size() >= kMaxRemembered) after_token_.clear();
        after_token_.emplace(key, *to);
    }
    return to;
}

bool Grammar::is_accepting(StateId state) {
    State& s = states_[state];
    if (s.accepting < 0) s.accepting = machine_->is_accepting(s.config);
    return s.accepting;
}

std::shared_ptr<const Row> Grammar::shared(Row row) {
    std::uint64_t h = row.count;
    for (const auto& part : {row.words, row.tokens})
        for (std::int32_t x : part) h = (h ^ static_cast<std::uint32_t>(x)) * 0xFF51AFD7ED558CCDull, h ^= h >> 32;
    const auto [first, last] = rows_.equal_range(h);
    for (auto it = first; it != last; ++it)
        if (*it->second == row) return it->second;
    return rows_.emplace(h, std::make_shared<const Row>(std::move(row)))->second;
}

const std::shared_ptr<const Row>& Grammar::row(StateId state) {
    if (!states_[state].row) {
        auto made = shared(masker_.compute(states_[state].config));
        if (made->count == 0) throw Unsatisfiable("no token of this vocabulary continues the text; it lacks single bytes");
        states_[state].row = std::move(made);
    }
    return states_[state].row;
}

}  // namespace guided
