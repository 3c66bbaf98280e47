// The automaton of a compiled grammar: configurations are stacks of interned frames, a state is a small set of them.
//
// Only the top of a stack reads bytes: a lexeme (text or the inside of a JSON string), a quote about to open, or fixed bytes.
// The frames below say what comes after. A frame is pushed only if what is pushed can complete, so every state can be
// completed: a byte is legal exactly when it leads to a state. Frames are immutable and interned; equal states have equal ids.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "give_back.hpp"
#include "rules.hpp"

namespace guided {

using FrameId = std::uint32_t;
using Config = std::vector<FrameId>;  // sorted, without repeats

enum class FrameKind : std::uint8_t {
    Root,      // the text is complete
    Start,     // the root node comes next (after bytes that had to come first)
    Lex,       // a: lexer state
    Raw,       // a: text, b: bytes read
    OpenText,  // a: lexer state inside the string, once its quote is read
    Text,      // a: lexer state inside a JSON string
    OpenKey,   // as OpenText, of a key; its parent is the ObjectKey frame
    Key,       // a: lexer state, b: id of the text so far if it may be an extra key, else kNone
    Seq,       // a: node, b: index of the next part
    Rep,       // a: node, b: parts done; a part has just ended
    RepPart,   // a: node, b: parts done; a separator has just ended
    ObjectKey,    // a: object, b: progress; a key comes next
    ObjectColon,  // a: object, b: progress with this key, c: goal of its value
    ObjectNext,   // a: object, b: progress; a value has just ended
    ArrayItem,    // a: array, b: progress; an item comes next
    ArrayNext,    // a: array, b: progress; an item has just ended
    Rule,         // a: place in an alternative of a rule; what stands before it has just ended
    RulePart,     // a: repetition, b: parts done; a part has just ended
    Corner,       // a: corner; a symbol has just ended inside a goal; its parent follows the goal
    Joined,       // a: set of frames; whatever each of them says
};

struct Frame {
    FrameKind kind;
    std::uint32_t a = 0, b = 0, c = 0;
    std::uint32_t depth = 0;  // nesting of JSON, kept only where the layout needs it
    FrameId parent = 0;
    std::uint32_t capture = 0;  // of frames that read bytes: the text of the item so far, where items must differ; 0: not kept
    bool operator==(const Frame&) const = default;
};

class Machine {
   public:
    explicit Machine(const Limits& limits);
    ~Machine() { gives_back_.num_bytes = num_bytes(); }

   private:
    GivesBack gives_back_;

   public:
    const Limits limits;
    ExprPool pool;
    Lexer lexer;
    Schemas schemas;
    std::vector<GrammarNode> nodes;
    Rules rules;
    std::vector<std::string> texts;  // of Raw nodes and prefixes
    std::uint32_t root = 0;

    const Frame& frame(FrameId f) const { return frames_[f]; }
    std::size_t num_frames() const { return frames_.size(); }
    std::size_t num_bytes() const {  // held, about
        return pool.num_bytes() + lexer.num_bytes() + schemas.num_bytes() + frames_.capacity() * sizeof(Frame) + 4 * slots_.capacity() +
               captures_.size() * (sizeof(Capture) + 40) + joins_.size() * 128;
    }

    void finish(std::uint32_t root_node);  // all nodes are there; throws Unsatisfiable
    Config start(const std::string& prefix);
    void step(const Config& from, std::uint8_t byte, Config& to);
    void step_closed(const Config& from, std::uint8_t byte, Config& to);  // of rules; `add_closure` has been called
    bool is_accepting(const Config& config);
    std::string forced(Config config);
    std::string shortest(const Config& config);

    // Everything that may read the next byte once the lexeme of `reader` has ended, by bytes that a mask walk did not keep.
    void leave(FrameId reader, Config& out);
    // The same where a key has ended in lexer state `end`; `text` is its text if it may be an extra one.
    void complete_key(FrameId key_frame, LexId end, KeyId text, Config& out);
    // The frame after one more byte inside a lexeme; `state` is the lexer's next state.
    void push_lexeme(FrameKind kind, LexId state, std::uint32_t b, FrameId parent, Config& out);
    void add_closure(Config& config);  // adds what follows lexemes that may end here
    // Set when a step depended on a text that was not kept: of an extra key, of an item that must differ from others.
    bool tainted = false, tainted_items = false;
    std::uint32_t num_leaves_left = 0;  // of rules: how often `leave` may be called; then it throws TooManyReadings

   private:
    static std::uint64_t hash(const Frame& f);
    void grow_slots();

    static constexpr std::uint32_t kNoCapture = 0, kEmptyCapture = 1, kUnknownCapture = 2;

    FrameId intern(Frame f);
    void add(Config& config, FrameId f) const;
    // Everything that may read the next byte once the child of `f` has ended.
    void complete(FrameId f, Config& out);
    void complete_rule(FrameId f, Config& out);
    void settle(Config& out);  // does what `complete` has put off: rules that have ended, rules that are called
    void call(std::uint32_t symbol, FrameId after, Config& out);
    void begin(std::uint32_t goal, FrameId after, Config& out);
    FrameId rest_frame(Rest rest, FrameId parent);
    FrameId corner_frame(std::uint32_t corner, FrameId parent);
    FrameId joined(std::vector<FrameId> frames);
    void enter_waiting(Config& out);
    void begin_place();
    const Config& closed(const Config& config);
    std::uint64_t cost_after(FrameId f);
    FrameId cheapest_member(FrameId f);
    FrameId append_rule_rest(FrameId f, std::string& out);
    void complete_item(FrameId f, Config& out);
    void complete_after_item(FrameId f, Config& out);
    void read(Frame f, Config& out);  // pushes a frame that reads bytes
    std::uint32_t captured(std::uint32_t capture, std::uint8_t byte);
    std::string capture_text(std::uint32_t capture, std::uint32_t from) const;
    void complete_keys(FrameId key_frame, LexId end, KeyId text, Config& out);
    void enter(std::uint32_t node, FrameId parent, Config& out);
    void enter_goal(GoalId goal, std::uint32_t depth, FrameId parent, Config& out);
    void enter_repetition(std::uint32_t node, std::uint32_t done, FrameId parent, Config& out);
    void after_object_value(const Frame& f, Config& out);
    void after_array_item(const Frame& f, Config& out);
    void layout_lexeme(std::uint32_t layout, Layout::Part part, std::uint32_t depth, FrameId parent, Config& out);
    void step_one(FrameId f, std::uint8_t byte, Config* queue, Config& to);
    std::uint32_t text_with(std::uint32_t key_text, const Frame& f, std::uint8_t byte);
    std::string shortest_node(std::uint32_t node);
    std::optional<std::string> shortest_after(FrameId f, const std::string& read);
    std::string shortest_key(const Frame& key, FrameId& next);

    BlockVector<Frame> frames_;
    BlockVector<FrameId> slots_;  // a hash table of frames, open addressing: frame id + 1, or 0
    struct Capture {
        std::uint32_t before, length;
        char byte;
    };
    std::vector<Capture> captures_{{0, 0, 0}, {0, 0, 0}, {0, 0, 0}};
    std::unordered_map<std::uint64_t, std::uint32_t> capture_ids_;
    std::uint32_t capture_ = kNoCapture;  // of the frames being pushed
    std::vector<std::pair<std::uint32_t, FrameId>> rounds_;  // repetitions being gone round right now
    // At the place where the machine stands: frames that have ended, calls of rules with what follows them, and which
    // frames were seen to end before.
    std::vector<FrameId> ended_;
    std::vector<std::pair<std::uint32_t, FrameId>> calls_;
    struct Waiting {  // a value that comes next, for whoever it does
        GoalId goal;
        std::uint32_t depth, capture;
        FrameId parent;
        Config* out;
        auto operator<=>(const Waiting&) const = default;
    };
    std::vector<Waiting> waiting_;
    Config queue_;
    std::vector<std::uint32_t> place_of_;  // by frame
    std::uint32_t place_ = 0;
    std::vector<std::vector<FrameId>> joins_;
    std::unordered_map<std::vector<std::uint32_t>, std::uint32_t, VectorHash> join_ids_;
    std::vector<std::uint64_t> costs_after_;  // by frame; 0: not known yet, else one more than the cost
    Config closed_of_, closed_;
};

// A mask walk meets too many readings to follow each of them; told to the walk, never to a caller.
struct TooManyReadings {};

void sort_unique(Config& config);

}  // namespace guided
