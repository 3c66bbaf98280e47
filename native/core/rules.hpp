// Context-free rules: which can end, which can be empty, what can begin them, and how they end soonest.
//
// A symbol is a grammar node: a rule, a repetition, or an expression. A call of a rule is a goal; every rule that can begin
// it, at the same place and after parts that are empty, begins with it. So left recursion is an entry in the goal's table:
// a rule that has just ended there is looked up in it, and what is found goes on (left-corner parsing, Rosenkrantz and
// Lewis, 1970). Symbols are called only for texts that are not empty; emptiness is known beforehand. Nothing here recurses.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "grammar_node.hpp"

namespace guided {

// What is left of an alternative, or of a repetition of which `done` parts are behind.
struct Rest {
    std::uint32_t at = 0;  // a place in the table of all alternatives; of a repetition: its node
    std::uint32_t done = 0;
    bool is_repetition = false;
};

class Rules {
   public:
    struct Step {  // `symbol` comes next, then `rest`, and then a corner is reached
        std::uint32_t symbol;
        Rest rest;
        std::uint32_t corner;
    };
    struct Corner {  // where a symbol has ended inside a goal: what may come next
        std::uint32_t goal, symbol;
        bool is_known = false, reaches_goal = false;
        std::vector<Step> steps;
        bool is_end() const { return steps.empty(); }  // nothing comes: the goal has ended
    };

    Rules(std::vector<GrammarNode>& nodes, Lexer& lexer, ExprPool& pool) : nodes_(nodes), lexer_(lexer), pool_(pool) {}

    bool empty() const { return alternatives_.empty(); }
    std::uint32_t add();  // the number of a new rule
    void define(std::uint32_t rule, std::vector<std::vector<std::uint32_t>> alternatives);
    bool is_defined(std::uint32_t rule) const { return is_defined_[rule]; }

    void solve();  // once, when all rules are there: costs of the nodes that rules are made of
    bool is_nullable(std::uint32_t symbol) const { return nodes_[symbol].cost == 0; }
    bool has_text(std::uint32_t symbol) const { return has_text_[symbol]; }  // one that is not empty
    LexId lexeme(std::uint32_t symbol) const { return lexemes_[symbol]; }    // its texts that are not empty
    bool is_lexeme(std::uint32_t symbol) const { return nodes_[symbol].kind == GrammarNode::Lexeme; }

    // The expressions that can begin the goal.
    const std::vector<Step>& beginnings(std::uint32_t goal) { return table(goal).beginnings; }
    const Corner& corner(std::uint32_t id) { return corners_[id].is_known ? corners_[id] : find_corner(id); }
    bool is_done(Rest rest) const;
    Rest after(Rest rest) const;  // one more part of a repetition is behind
    // Calls `found(symbol, rest after it)` for all that can come first; true if the rest may be empty.
    template <class Found>
    bool each_next(Rest rest, Found&& found) const {
        if (rest.is_repetition) {
            const GrammarNode& n = nodes_[rest.at];
            if (rest.done < n.max) found(n.a, after(rest));
            return rest.done >= n.min;
        }
        for (std::uint32_t at = rest.at; symbols_[at] != kNone; ++at) {
            found(symbols_[at], Rest{at + 1, 0, false});
            if (!is_nullable(symbols_[at])) return false;
        }
        return true;
    }

    std::uint64_t cost(Rest rest) const;
    std::uint64_t cost_to_goal(std::uint32_t corner);
    void append_shortest(std::uint32_t symbol, std::string& out);
    void append_shortest(Rest rest, std::string& out);
    void append_shortest_to_goal(std::uint32_t corner, std::string& out);

   private:
    struct Use {  // a symbol begins a rule, and this is left of it
        Rest rest;
        std::uint32_t lhs;
    };
    struct Way {
        std::uint64_t cost = UINT64_MAX;
        Use use{};
    };
    struct Table {
        std::vector<Step> beginnings;
        std::unordered_map<std::uint32_t, std::vector<Use>> uses;
        std::unordered_map<std::uint32_t, Way> ways;  // to the end of the goal; made when first asked for
    };

    std::vector<std::uint32_t> reachable_symbols() const;
    void solve_costs(const std::vector<std::uint32_t>& symbols);
    void solve_texts(const std::vector<std::uint32_t>& symbols);
    void lay_out();
    Table& table(std::uint32_t goal) { return tables_[goal] ? *tables_[goal] : make_table(goal); }
    Table& make_table(std::uint32_t goal);
    std::uint32_t corner_id(std::uint32_t goal, std::uint32_t symbol);
    const Corner& find_corner(std::uint32_t id);
    void find_ways(std::uint32_t goal, Table& t);
    void spend(std::uint64_t work);

    std::vector<GrammarNode>& nodes_;
    Lexer& lexer_;
    ExprPool& pool_;
    std::vector<std::vector<std::vector<std::uint32_t>>> alternatives_;  // of each rule
    std::vector<bool> is_defined_;
    std::vector<std::uint32_t> best_;                // of each rule the first symbol of a shortest alternative in symbols_
    std::vector<std::uint32_t> best_alternative_;    // and its number, until they are laid out
    std::vector<std::uint32_t> symbols_;             // all alternatives, each ended by kNone
    std::vector<std::uint64_t> suffix_costs_;        // beside symbols_
    std::vector<std::vector<std::uint32_t>> begin_;  // of each rule where its alternatives begin in symbols_
    std::vector<bool> has_text_;                     // by node
    std::vector<LexId> lexemes_;                     // by node
    std::vector<std::unique_ptr<Table>> tables_;     // by goal
    std::deque<Corner> corners_;
    std::unordered_map<std::uint64_t, std::uint32_t> corner_ids_;
    std::uint64_t work_ = 0;
};

}  // namespace guided
