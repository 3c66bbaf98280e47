#include "grammar.hpp"

#include <algorithm>
#include <stdexcept>

#include "errors.hpp"

namespace guided {

namespace {

constexpr std::uint32_t kMaxNodeDepth = 1000;

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

Builder::Builder(const Limits& limits) : machine_(std::make_unique<Machine>(limits)) {}

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

std::uint32_t Builder::json(SchemaId schema, const Layout& layout, bool may_exceed) {
    GrammarNode n{};
    n.kind = GrammarNode::Json;
    n.a = machine_->schemas.goal(machine_->schemas.add_layout(layout), {2 * schema});
    n.may_exceed = may_exceed;
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

std::uint32_t Builder::rule() {
    GrammarNode n{};
    n.kind = GrammarNode::Rule, n.a = machine_->rules.add();
    return add(std::move(n));
}

void Builder::define_rule(std::uint32_t node, const std::vector<std::vector<std::uint32_t>>& alternatives) {
    const auto& nodes = machine_->nodes;
    if (nodes[check_node(node)].kind != GrammarNode::Rule) throw std::invalid_argument("this node is no rule");
    if (machine_->rules.is_defined(nodes[node].a)) throw std::invalid_argument("this rule is defined already");
    for (const auto& alternative : alternatives) {
        for (std::uint32_t part : alternative) {
            const GrammarNode* n = &nodes[check_node(part)];
            while (n->kind == GrammarNode::Repetition && n->separator == kNone) n = &nodes[n->a];
            if (n->kind != GrammarNode::Lexeme && n->kind != GrammarNode::Rule)
                throw std::invalid_argument("a rule is made of lexemes, rules and repetitions of them without separators");
        }
    }
    machine_->rules.define(nodes[node].a, alternatives);
}

std::shared_ptr<Grammar> Builder::compile(std::uint32_t root, std::shared_ptr<Trie> trie) {
    check_node(root);
    for (const GrammarNode& n : machine_->nodes)
        if (n.kind == GrammarNode::Rule && !machine_->rules.is_defined(n.a)) throw std::invalid_argument("a rule was reserved but never defined");
    machine_->finish(root);
    return std::make_shared<Grammar>(std::move(machine_), std::move(trie));
}

Grammar::Grammar(std::unique_ptr<Machine> machine, std::shared_ptr<Trie> trie)
    : machine_(std::move(machine)), trie_(std::move(trie)), masker_(*machine_, *trie_), ended_(std::make_shared<State>(Config{})) {
    ended_->row = std::make_shared<Row>();
    ended_->accepting = 0;
    ended_->is_ended = true;
    num_bytes_compiled_ = num_bytes();
}

State::Step* State::step(std::int32_t token) {
    if (first_step.token == token) return &first_step;
    const auto found = std::ranges::lower_bound(more_steps, token, {}, &Step::token);
    return found == more_steps.end() || found->token != token ? nullptr : &*found;
}

void State::add_step(std::int32_t token, const StatePtr& to) {
    if (first_step.token < 0)
        first_step = {token, to};
    else
        more_steps.insert(std::ranges::lower_bound(more_steps, token, {}, &Step::token), {token, to});
}

StatePtr Grammar::intern(const Config& config) {
    const std::uint64_t hash = VectorHash()(config);
    if (StatePtr known = states_.find(hash, [&](const State& s) { return std::ranges::equal(s.config.list(), config); })) return known;
    const auto state = std::make_shared<State>(config);
    states_.insert(hash, state);
    if (recent_.size() < kRecent) {
        recent_.push_back(state);
    } else {
        recent_[next_recent_] = state;
        next_recent_ = (next_recent_ + 1) % kRecent;
    }
    if (states_.size() > sweep_at_ || row_bytes_ > sweep_at_row_bytes_) sweep();
    return state;
}

// Forgets what nobody holds any more; its cost is spread over as many new states as there are live ones.
void Grammar::sweep() {
    states_.sweep(), rows_.sweep();
    num_steps_ = 0;
    states_.each([&](const State& state) { num_steps_ += state.num_steps(); });
    row_bytes_ = 0;
    rows_.each([&](const Row& row) { row_bytes_ += row.num_bytes(); });
    sweep_at_ = std::max(4 * kRecent, 2 * states_.size()), sweep_at_row_bytes_ = std::max(kRowBytes, 2 * row_bytes_);
}

StatePtr Grammar::start(const std::string& prefix) { return intern(machine_->start(prefix)); }

StatePtr Grammar::accept_bytes(const StatePtr& state, std::string_view bytes) {
    if (state->is_ended) return bytes.empty() ? state : nullptr;
    at_.assign(state->config.list().begin(), state->config.list().end());
    for (char b : bytes) {
        machine_->step(at_, static_cast<std::uint8_t>(b), next_);
        if (next_.empty()) return nullptr;
        std::swap(at_, next_);
    }
    return intern(at_);
}

StatePtr Grammar::accept_token(const StatePtr& state, std::int32_t token) {
    if (state->is_ended) return nullptr;
    if (trie_->is_eos(token)) return is_accepting(state) ? ended_ : nullptr;
    const std::string_view bytes = trie_->bytes_of(token);
    if (bytes.empty()) return nullptr;
    State::Step* step = state->step(token);
    if (step)
        if (StatePtr to = step->to.lock()) return to;
    StatePtr to = accept_bytes(state, bytes);
    if (to && step) step->to = to;
    else if (to) state->add_step(token, to), ++num_steps_;
    return to;
}

bool Grammar::is_accepting(const StatePtr& state) {
    if (state->accepting < 0) state->accepting = machine_->is_accepting(config_of(*state));
    return state->accepting;
}

std::shared_ptr<const Row> Grammar::shared(Row row) {
    std::uint64_t h = row.count ^ reinterpret_cast<std::uintptr_t>(row.base.get());
    for (const auto* part : {&row.adds, &row.removes})
        for (std::int32_t x : *part) h = (h ^ static_cast<std::uint32_t>(x)) * 0xFF51AFD7ED558CCDull, h ^= h >> 32;
    if (auto known = rows_.find(h, [&](const Row& other) { return other == row; })) return known;
    auto made = std::make_shared<const Row>(std::move(row));
    rows_.insert(h, made);
    row_bytes_ += made->num_bytes();
    return made;
}

const std::shared_ptr<const Row>& Grammar::row(const StatePtr& state) {
    if (!state->row) {
        auto made = shared(masker_.compute(config_of(*state)));
        if (made->count == 0)
            throw Unsatisfiable(is_accepting(state) ? "the text is complete, and this vocabulary has no token that ends it"
                                                    : "no token of this vocabulary continues the text; it lacks single bytes");
        state->row = std::move(made);
    }
    return state->row;
}

}  // namespace guided
