#include "rules.hpp"

#include <algorithm>
#include <queue>
#include <tuple>
#include <unordered_set>

#include "errors.hpp"

namespace guided {

namespace {

constexpr std::uint64_t kNever = UINT64_MAX;
constexpr std::uint64_t kMaxWork = 400'000;  // entries looked at while tables of goals are made

std::uint64_t plus(std::uint64_t x, std::uint64_t y) { return y >= kNever - x ? kNever : x + y; }
std::uint64_t times(std::uint64_t x, std::uint64_t n) { return n && x >= kNever / n ? kNever : x * n; }

}  // namespace

std::uint32_t Rules::add() {
    alternatives_.emplace_back();
    is_defined_.push_back(false);
    return static_cast<std::uint32_t>(alternatives_.size() - 1);
}

void Rules::define(std::uint32_t rule, std::vector<std::vector<std::uint32_t>> alternatives) {
    alternatives_[rule] = std::move(alternatives);
    is_defined_[rule] = true;
}

void Rules::spend(std::uint64_t work) {
    work_ += work;
    if (work_ > kMaxWork) throw TooComplex("work to find what can begin a rule of a grammar", kMaxWork);
}

// Rules, and what their alternatives are made of.
std::vector<std::uint32_t> Rules::reachable_symbols() const {
    std::vector<bool> seen(nodes_.size());
    std::vector<std::uint32_t> out;
    auto visit = [&](std::uint32_t s) {
        if (!seen[s]) seen[s] = true, out.push_back(s);
    };
    for (std::uint32_t s = 0; s < nodes_.size(); ++s)
        if (nodes_[s].kind == GrammarNode::Rule) visit(s);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const GrammarNode& n = nodes_[out[i]];
        if (n.kind == GrammarNode::Repetition) visit(n.a);
        if (n.kind != GrammarNode::Rule) continue;
        for (const auto& alternative : alternatives_[n.a])
            for (std::uint32_t s : alternative) visit(s);
    }
    return out;
}

void Rules::solve() {
    const std::vector<std::uint32_t> symbols = reachable_symbols();
    has_text_.assign(nodes_.size(), false);
    lexemes_.assign(nodes_.size(), 0);
    tables_.resize(nodes_.size());
    for (std::uint32_t s : symbols) {
        GrammarNode& n = nodes_[s];
        if (n.kind != GrammarNode::Lexeme) continue;
        if (const std::int32_t lex = lexer_.start({{0, n.a}}, Spelling::Text); lex >= 0) {
            n.lex = static_cast<LexId>(lex);
            n.cost = lexer_.shortest(n.lex).size();
        }
        const std::int32_t some = lexer_.start({{0, pool_.without_empty(n.a)}}, Spelling::Text);
        has_text_[s] = some >= 0;
        if (some >= 0) lexemes_[s] = static_cast<LexId>(some);
    }
    solve_costs(symbols);
    solve_texts(symbols);
    lay_out();
}

// The least costs, cheapest symbols first (Knuth, 1977): a symbol's cost is final when it comes off the queue.
void Rules::solve_costs(const std::vector<std::uint32_t>& symbols) {
    struct Production {
        std::uint32_t lhs, alternative, num_open;
        std::uint64_t cost, factor;
    };
    std::vector<Production> productions;
    std::vector<std::vector<std::uint32_t>> users(nodes_.size());
    using Entry = std::tuple<std::uint64_t, std::uint32_t, std::uint32_t>;  // cost, symbol, alternative
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
    best_alternative_.assign(alternatives_.size(), 0);
    auto add = [&](std::uint32_t lhs, std::uint32_t alternative, const std::vector<std::uint32_t>& parts, std::uint64_t factor) {
        const auto id = static_cast<std::uint32_t>(productions.size());
        productions.push_back({lhs, alternative, static_cast<std::uint32_t>(parts.size()), 0, factor});
        for (std::uint32_t part : parts) users[part].push_back(id);
        if (parts.empty()) queue.push({0, lhs, alternative});
    };
    for (std::uint32_t s : symbols) {
        GrammarNode& n = nodes_[s];
        if (n.kind == GrammarNode::Lexeme && n.cost != kNever) queue.push({n.cost, s, 0});
        if (n.kind == GrammarNode::Lexeme) continue;
        n.cost = kNever;
        if (n.kind == GrammarNode::Repetition) {
            if (n.min == 0) add(s, 0, {}, 0); else add(s, 0, {n.a}, n.min);
            continue;
        }
        for (std::uint32_t i = 0; i < alternatives_[n.a].size(); ++i) add(s, i, alternatives_[n.a][i], 1);
    }
    std::vector<bool> is_final(nodes_.size());
    while (!queue.empty()) {
        const auto [cost, symbol, alternative] = queue.top();
        queue.pop();
        if (is_final[symbol]) continue;
        is_final[symbol] = true;
        nodes_[symbol].cost = cost;
        if (nodes_[symbol].kind == GrammarNode::Rule) best_alternative_[nodes_[symbol].a] = alternative;
        for (std::uint32_t id : users[symbol]) {
            Production& p = productions[id];
            p.cost = plus(p.cost, times(cost, p.factor));
            if (--p.num_open == 0 && p.cost != kNever) queue.push({p.cost, p.lhs, p.alternative});
        }
    }
}

// Which symbols have a text that is not empty.
void Rules::solve_texts(const std::vector<std::uint32_t>& symbols) {
    std::vector<std::vector<std::uint32_t>> users(nodes_.size());  // rules that have the symbol in a way that can end
    for (std::uint32_t s : symbols) {
        const GrammarNode& n = nodes_[s];
        if (n.cost == kNever) continue;
        if (n.kind == GrammarNode::Repetition && n.max > 0 && nodes_[n.a].cost != kNever) users[n.a].push_back(s);
        if (n.kind != GrammarNode::Rule) continue;
        for (const auto& alternative : alternatives_[n.a]) {
            if (std::any_of(alternative.begin(), alternative.end(), [&](std::uint32_t x) { return nodes_[x].cost == kNever; })) continue;
            for (std::uint32_t x : alternative) users[x].push_back(s);
        }
    }
    std::vector<std::uint32_t> queue;
    for (std::uint32_t s : symbols)
        if (has_text_[s]) queue.push_back(s);
    for (std::size_t i = 0; i < queue.size(); ++i)
        for (std::uint32_t user : users[queue[i]])
            if (!has_text_[user]) has_text_[user] = true, queue.push_back(user);
}

// Keeps the alternatives that can end, without symbols that are always empty.
void Rules::lay_out() {
    begin_.resize(alternatives_.size()), best_.assign(alternatives_.size(), 0);
    for (std::uint32_t rule = 0; rule < alternatives_.size(); ++rule) {
        for (std::uint32_t i = 0; i < alternatives_[rule].size(); ++i) {
            const auto& alternative = alternatives_[rule][i];
            if (std::any_of(alternative.begin(), alternative.end(), [&](std::uint32_t x) { return nodes_[x].cost == kNever; })) continue;
            const auto begin = static_cast<std::uint32_t>(symbols_.size());
            if (i == best_alternative_[rule]) best_[rule] = begin;
            for (std::uint32_t s : alternative)
                if (has_text_[s]) symbols_.push_back(s);
            symbols_.push_back(kNone);
            begin_[rule].push_back(begin);
        }
        alternatives_[rule] = {};
    }
    suffix_costs_.assign(symbols_.size(), 0);
    for (std::size_t at = symbols_.size(); at-- > 0;)
        if (symbols_[at] != kNone) suffix_costs_[at] = plus(nodes_[symbols_[at]].cost, suffix_costs_[at + 1]);
    for (GrammarNode& n : nodes_)
        if (n.kind == GrammarNode::Repetition && (nodes_[n.a].kind == GrammarNode::Rule || has_text_[n.a])) {
            if (nodes_[n.a].cost == kNever) n.max = 0;
            if (nodes_[n.a].cost == 0 && n.separator == kNone) n.min = 0;  // empty parts count
        }
}

bool Rules::is_done(Rest rest) const {
    return rest.is_repetition ? rest.done >= nodes_[rest.at].max : symbols_[rest.at] == kNone;
}

Rest Rules::after(Rest rest) const {
    const GrammarNode& n = nodes_[rest.at];
    ++rest.done;
    if (n.max == kUnbounded) rest.done = std::min(rest.done, std::max(n.min, 1u));
    return rest;
}

std::uint32_t Rules::corner_id(std::uint32_t goal, std::uint32_t symbol) {
    auto [it, fresh] = corner_ids_.try_emplace((std::uint64_t(goal) << 32) | symbol, static_cast<std::uint32_t>(corners_.size()));
    if (fresh) corners_.push_back({goal, symbol, false, false, {}});
    return it->second;
}

Rules::Table& Rules::make_table(std::uint32_t goal) {
    auto t = std::make_unique<Table>();
    std::vector<std::uint32_t> begun{goal};
    std::unordered_set<std::uint32_t> seen{goal};
    for (std::size_t i = 0; i < begun.size(); ++i) {
        const std::uint32_t lhs = begun[i];
        auto begins = [&](std::uint32_t symbol, Rest rest) {
            spend(1);
            if (is_lexeme(symbol)) return t->beginnings.push_back({symbol, rest, corner_id(goal, lhs)});
            t->uses[symbol].push_back({rest, lhs});
            if (seen.insert(symbol).second) begun.push_back(symbol);
        };
        const GrammarNode& n = nodes_[lhs];
        if (n.kind == GrammarNode::Repetition) {
            each_next({lhs, 0, true}, begins);
        } else {
            for (std::uint32_t begin : begin_[n.a]) each_next({begin, 0, false}, begins);
        }
    }
    tables_[goal] = std::move(t);
    return *tables_[goal];
}

const Rules::Corner& Rules::find_corner(std::uint32_t id) {
    const std::uint32_t goal = corners_[id].goal;
    const Table& t = table(goal);
    std::vector<Step> steps;
    std::vector<std::uint32_t> ended{corners_[id].symbol};
    std::unordered_set<std::uint32_t> seen{ended[0]};
    for (std::size_t i = 0; i < ended.size(); ++i) {
        auto it = t.uses.find(ended[i]);
        if (it == t.uses.end()) continue;
        for (const Use& use : it->second) {
            spend(1);
            const bool may_end = each_next(use.rest, [&](std::uint32_t next, Rest rest) {
                spend(1);
                steps.push_back({next, rest, corner_id(goal, use.lhs)});
            });
            if (may_end && seen.insert(use.lhs).second) ended.push_back(use.lhs);
        }
    }
    Corner& out = corners_[id];
    out.steps = std::move(steps), out.reaches_goal = seen.contains(goal), out.is_known = true;
    return out;
}

std::uint64_t Rules::cost(Rest rest) const {
    if (!rest.is_repetition) return suffix_costs_[rest.at];
    const GrammarNode& n = nodes_[rest.at];
    return rest.done >= n.min ? 0 : times(nodes_[n.a].cost, n.min - rest.done);
}

// Shortest ways from the end of a symbol inside the goal to the end of the goal, backwards from there (Dijkstra).
void Rules::find_ways(std::uint32_t goal, Table& t) {
    std::unordered_map<std::uint32_t, std::vector<std::pair<std::uint32_t, const Use*>>> into;
    for (const auto& [symbol, uses] : t.uses)
        for (const Use& use : uses) into[use.lhs].push_back({symbol, &use});
    using Entry = std::pair<std::uint64_t, std::uint32_t>;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
    t.ways[goal].cost = 0;
    queue.push({0, goal});
    while (!queue.empty()) {
        const auto [cost_here, at] = queue.top();
        queue.pop();
        if (cost_here > t.ways[at].cost) continue;
        for (const auto& [symbol, use] : into[at]) {
            const std::uint64_t total = plus(cost_here, cost(use->rest));
            Way& way = t.ways[symbol];
            if (total >= way.cost) continue;
            way = {total, *use};
            queue.push({total, symbol});
        }
    }
}

std::uint64_t Rules::cost_to_goal(std::uint32_t corner) {
    const std::uint32_t goal = corners_[corner].goal;
    Table& t = table(goal);
    if (t.ways.empty()) find_ways(goal, t);
    return t.ways[corners_[corner].symbol].cost;
}

void Rules::append_shortest_to_goal(std::uint32_t corner, std::string& out) {
    const std::uint32_t goal = corners_[corner].goal;
    std::uint32_t symbol = corners_[corner].symbol;
    Table& t = table(goal);
    if (t.ways.empty()) find_ways(goal, t);
    while (symbol != goal) {
        const Use use = t.ways[symbol].use;
        append_shortest(use.rest, out);
        symbol = use.lhs;
    }
}

void Rules::append_shortest(Rest rest, std::string& out) {
    if (rest.is_repetition) {
        const GrammarNode& n = nodes_[rest.at];
        for (std::uint32_t done = rest.done; done < n.min; ++done) append_shortest(n.a, out);
        return;
    }
    for (std::uint32_t at = rest.at; symbols_[at] != kNone; ++at) append_shortest(symbols_[at], out);
}

void Rules::append_shortest(std::uint32_t symbol, std::string& out) {
    std::vector<std::uint32_t> todo{symbol};
    while (!todo.empty()) {
        const GrammarNode& n = nodes_[todo.back()];
        todo.pop_back();
        if (n.cost == 0) continue;
        if (n.kind == GrammarNode::Lexeme) {
            out += lexer_.shortest(n.lex);
        } else if (n.kind == GrammarNode::Repetition) {
            todo.insert(todo.end(), n.min, n.a);
        } else {
            const std::size_t first = todo.size();
            for (std::uint32_t at = best_[n.a]; symbols_[at] != kNone; ++at) todo.push_back(symbols_[at]);
            std::reverse(todo.begin() + static_cast<std::ptrdiff_t>(first), todo.end());
        }
    }
}

}  // namespace guided
