// How rules run in the machine. What ends at one place is settled together: frames that have ended first, each once, then
// calls, so that all callers of a rule at this place share one activation of it.
#include <algorithm>
#include <unordered_set>

#include "errors.hpp"
#include "machine.hpp"

namespace guided {

namespace {

constexpr std::size_t kMaxCallers = 1024;
constexpr std::uint64_t kMaxWay = 250'000;

bool is_of_rule(FrameKind kind) { return kind >= FrameKind::Rule; }

Rest rest_of(const Frame& f) { return {f.a, f.b, f.kind == FrameKind::RulePart}; }

}  // namespace

void Machine::begin_place() {
    ended_.clear(), calls_.clear(), waiting_.clear();  // an error may have ended the last place anywhere
    if (++place_ == 0) std::fill(place_of_.begin(), place_of_.end(), 0), place_ = 1;
}

FrameId Machine::rest_frame(Rest rest, FrameId parent) {
    if (rules.is_done(rest)) return parent;  // the last part speaks for the parent: right recursion does not grow
    return intern({rest.is_repetition ? FrameKind::RulePart : FrameKind::Rule, rest.at, rest.done, 0, 0, parent, 0});
}

FrameId Machine::corner_frame(std::uint32_t corner, FrameId parent) {
    if (rules.corner(corner).is_end()) return parent;
    return intern({FrameKind::Corner, corner, 0, 0, 0, parent, 0});
}

FrameId Machine::joined(std::vector<FrameId> frames) {
    std::vector<FrameId> flat;
    for (FrameId f : frames) {
        if (frames_[f].kind != FrameKind::Joined) {
            flat.push_back(f);
        } else {
            const auto& members = joins_[frames_[f].a];
            flat.insert(flat.end(), members.begin(), members.end());
        }
    }
    sort_unique(flat);
    if (flat.size() == 1) return flat[0];
    if (flat.size() > kMaxCallers) throw TooComplex("callers of one rule kept side by side", kMaxCallers);
    auto [it, fresh] = join_ids_.try_emplace(flat, static_cast<std::uint32_t>(joins_.size()));
    if (fresh) joins_.push_back(std::move(flat));
    return intern({FrameKind::Joined, it->second, 0, 0, 0, 0, 0});
}

void Machine::call(std::uint32_t symbol, FrameId after, Config& out) {
    if (!rules.is_lexeme(symbol)) return calls_.push_back({symbol, after});
    read({FrameKind::Lex, rules.lexeme(symbol), 0, 0, 0, after}, out);
}

void Machine::begin(std::uint32_t goal, FrameId after, Config& out) {
    for (const Rules::Step& step : rules.beginnings(goal))
        read({FrameKind::Lex, rules.lexeme(step.symbol), 0, 0, 0, rest_frame(step.rest, corner_frame(step.corner, after))}, out);
}

void Machine::complete_rule(FrameId id, Config& out) {
    const Frame f = frames_[id];
    if (f.kind == FrameKind::Joined) {
        ended_.insert(ended_.end(), joins_[f.a].begin(), joins_[f.a].end());
    } else if (f.kind == FrameKind::Corner) {
        const Rules::Corner& corner = rules.corner(f.a);
        for (const Rules::Step& step : corner.steps)
            call(step.symbol, rest_frame(step.rest, corner_frame(step.corner, f.parent)), out);
        if (corner.reaches_goal) ended_.push_back(f.parent);
    } else {
        const bool may_end = rules.each_next(rest_of(f), [&](std::uint32_t symbol, Rest rest) { call(symbol, rest_frame(rest, f.parent), out); });
        if (may_end) ended_.push_back(f.parent);
    }
}

// Values of one kind that begin at the same place are one value, whoever they are for: readings that differ further down
// would multiply with every level.
void Machine::enter_waiting(Config& out) {
    if (waiting_.empty()) return;
    const std::uint32_t before = capture_;
    std::vector<Waiting> all;
    std::swap(all, waiting_);
    for (const Waiting& w : all)
        if (w.out != &out) waiting_.push_back(w);
    std::erase_if(all, [&](const Waiting& w) { return w.out != &out; });
    if (all.size() > 1) std::sort(all.begin(), all.end());
    for (std::size_t i = 0; i < all.size();) {
        const Waiting& first = all[i];
        std::vector<FrameId> parents;
        auto is_same = [&](const Waiting& w) { return w.goal == first.goal && w.depth == first.depth && w.capture == first.capture; };
        for (; i < all.size() && is_same(all[i]) && parents.size() < kMaxCallers; ++i) {
            parents.push_back(all[i].parent);
            if (first.capture != kNoCapture) break;  // what is kept of the text speaks of one parent
        }
        i += first.capture != kNoCapture;
        capture_ = first.capture;
        enter_goal(first.goal, first.depth, parents.size() == 1 ? parents[0] : joined(std::move(parents)), out);
    }
    capture_ = before;
}

void Machine::settle(Config& out) {
    const std::uint32_t before = capture_;
    capture_ = kNoCapture;  // rules hold no JSON, so nothing around them is kept
    while (!ended_.empty() || !calls_.empty() || !waiting_.empty()) {
        enter_waiting(out);
        while (!ended_.empty()) {
            const FrameId f = ended_.back();
            ended_.pop_back();
            if (place_of_.size() <= f) place_of_.resize(frames_.size());
            if (place_of_[f] == place_) continue;
            place_of_[f] = place_;
            if (is_of_rule(frames_[f].kind)) complete_rule(f, out); else complete(f, out);
        }
        auto calls = std::move(calls_);
        calls_.clear();
        std::sort(calls.begin(), calls.end());
        for (std::size_t i = 0; i < calls.size();) {
            const std::uint32_t goal = calls[i].first;
            std::vector<FrameId> callers;
            for (; i < calls.size() && calls[i].first == goal; ++i) callers.push_back(calls[i].second);
            begin(goal, joined(std::move(callers)), out);
        }
    }
    capture_ = before;
}

// The configuration with what follows lexemes that may end here; kept, since all bytes are often tried in turn.
const Config& Machine::closed(const Config& config) {
    if (closed_of_ == config) return closed_;
    closed_of_.clear();
    closed_ = config;
    add_closure(closed_);
    closed_of_ = config;
    return closed_;
}

void Machine::step_closed(const Config& from, std::uint8_t byte, Config& to) {
    to.clear();
    begin_place();
    for (FrameId f : from) step_one(f, byte, nullptr, to);
    settle(to);
    sort_unique(to);
}

// Bytes of the shortest way from where the child of `f` has ended to the end of the text.
std::uint64_t Machine::cost_after(FrameId f) {
    constexpr std::uint64_t kMost = UINT64_MAX - 1;
    auto plus = [](std::uint64_t x, std::uint64_t y) { return y > kMost - x ? kMost : x + y; };
    costs_after_.resize(frames_.size());
    if (costs_after_[f]) return costs_after_[f] - 1;
    std::vector<FrameId> todo{f};
    while (!todo.empty()) {
        const FrameId id = todo.back();
        const Frame& at = frames_[id];
        const std::vector<FrameId> needs = at.kind == FrameKind::Joined ? joins_[at.a] : std::vector{at.parent};
        if (is_of_rule(at.kind)) {
            const std::size_t before = todo.size();
            for (FrameId need : needs)
                if (costs_after_[need] == 0) todo.push_back(need);
            if (todo.size() > before) continue;
        }
        todo.pop_back();
        std::uint64_t rest = kMost;
        for (FrameId need : needs) rest = std::min(rest, costs_after_[need] - 1);
        std::uint64_t cost;
        switch (at.kind) {
            case FrameKind::Joined: cost = rest; break;
            case FrameKind::Corner: cost = plus(rules.cost_to_goal(at.a), rest); break;
            case FrameKind::Rule:
            case FrameKind::RulePart: cost = plus(std::min(rules.cost(rest_of(at)), kMost), rest); break;
            default: {
                const auto way = shortest_after(id, "");
                cost = way ? std::min<std::uint64_t>(way->size(), kMost) : kMost;
                break;
            }
        }
        costs_after_[id] = cost + 1;
    }
    return costs_after_[f] - 1;
}

// Of a set of frames the one with the shortest way to the end; else the frame itself.
FrameId Machine::cheapest_member(FrameId f) {
    if (frames_[f].kind != FrameKind::Joined) return f;
    costs_after_.resize(frames_.size());
    if (costs_after_[f] == 0) {  // the sets below it first, so that nothing is asked inside each other
        std::vector<FrameId> sets{f};
        std::unordered_set<FrameId> found{f};
        for (std::size_t i = 0; i < sets.size(); ++i)
            for (FrameId at : joins_[frames_[sets[i]].a])
                for (; at != 0 && found.insert(at).second; at = frames_[at].parent)
                    if (frames_[at].kind == FrameKind::Joined && costs_after_[at] == 0) sets.push_back(at);
        std::sort(sets.begin(), sets.end());
        for (FrameId set : sets)
            for (FrameId member : joins_[frames_[set].a]) cost_after(member);
        for (FrameId set : sets) cost_after(set);
    }
    const auto& members = joins_[frames_[f].a];
    return *std::min_element(members.begin(), members.end(), [&](FrameId x, FrameId y) { return costs_after_[x] < costs_after_[y]; });
}

// Appends what rules still ask for once the child of `f` has ended; returns the frame that comes after them.
FrameId Machine::append_rule_rest(FrameId f, std::string& out) {
    if (!is_of_rule(frames_[f].kind)) return f;
    if (cost_after(f) > kMaxWay && !rules.empty()) throw TooComplex("bytes of the shortest way to the end", kMaxWay);
    while (is_of_rule(frames_[f].kind)) {
        const Frame at = frames_[f];
        if (at.kind == FrameKind::Joined) {
            const auto& members = joins_[at.a];
            f = *std::min_element(members.begin(), members.end(), [&](FrameId x, FrameId y) { return costs_after_[x] < costs_after_[y]; });
            continue;
        }
        if (at.kind == FrameKind::Corner) rules.append_shortest_to_goal(at.a, out); else rules.append_shortest(rest_of(at), out);
        f = at.parent;
    }
    return f;
}

}  // namespace guided
