// SPDX-License-Identifier: BSD-2-Clause
#include "control/man/pages.h"

#include <fmt/format.h>

#include <sstream>

namespace mxgate {
namespace {

std::vector<const CLI::App*> verbs_of(const CLI::App& app)
{
    return app.get_subcommands([](const CLI::App*) { return true; });
}

// Those that help texts show.
std::vector<const CLI::Option*> options_of(const CLI::App& app)
{
    return app.get_options([](const CLI::Option* option) { return !option->get_group().empty(); });
}

// Text as roff shows it literally, whatever it begins with.
std::string roff(const std::string& text)
{
    std::string out;
    bool line_begins = true;
    for (const char c : text) {
        if (line_begins && (c == '.' || c == '\''))
            out += "\\&";
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else
            out += c;
        line_begins = c == '\n';
    }
    return out;
}

// Lines that begin with spaces, such as examples, stay as they are; the others flow.
std::string paragraphs(const std::string& text)
{
    std::istringstream lines(text);
    std::string out, line;
    bool literal = false;
    while (std::getline(lines, line)) {
        const bool indented = line.starts_with("  ");
        if (indented != literal)
            out += indented ? ".RS 4\n.nf\n" : ".fi\n.RE\n.PP\n";
        literal = indented;
        out += line.empty() ? ".PP\n" : roff(indented ? line.substr(2) : line) + "\n";
    }
    return out + (literal ? ".fi\n.RE\n" : "");
}

// "TEXT:{a,b}" as "a|b"; what help texts call TEXT stays.
std::string value_of(const CLI::Option& option)
{
    if (option.get_items_expected_max() == 0)
        return "";
    const std::string type = option.get_type_name();
    const size_t open = type.find('{'), close = type.find('}');
    if (open == std::string::npos || close == std::string::npos)
        return type.substr(0, type.find(':'));
    std::string out = type.substr(open + 1, close - open - 1);
    for (char& c : out)
        c = c == ',' ? '|' : c;
    return out;
}

std::string option_entry(const CLI::Option& option)
{
    const bool positional = option.get_positional();
    std::string head = positional ? "\\fI" + roff(option.get_name(true)) + "\\fR"
                                  : "\\fB" + roff(option.get_name(false, true)) + "\\fR";
    if (const std::string value = value_of(option); !positional && !value.empty())
        head += " \\fI" + roff(value) + "\\fR";
    std::string text = roff(option.get_description());
    if (!option.get_default_str().empty())
        text += roff(fmt::format(" (default: {})", option.get_default_str()));
    if (!option.get_envname().empty())
        text += roff(fmt::format(" (environment: {})", option.get_envname()));
    return ".TP\n" + head + "\n" + text + "\n";
}

std::string synopsis(const CLI::App& app, const std::string& name)
{
    std::string out = "\\fB" + roff(name) + "\\fR [\\fIoptions\\fR]";
    for (const CLI::Option* option : options_of(app))
        if (option->get_positional())
            out += " \\fI" + roff(option->get_name(true)) +
                   (option->get_items_expected_max() > 1 ? "\\fR ..." : "\\fR");
    return out + (verbs_of(app).empty() ? "" : " \\fIverb\\fR ...") + "\n";
}

std::string option_entries(const CLI::App& app)
{
    std::string out;
    for (const CLI::Option* option : options_of(app))
        out += option_entry(*option);
    return out;
}

// The words of all options, and for those with a fixed set of values a case of their own.
std::string option_words(const CLI::App& app, std::string* values)
{
    std::string out;
    for (const CLI::Option* option : options_of(app)) {
        if (option->get_positional())
            continue;
        std::string names;
        for (const std::string& name : option->get_lnames())
            names += (names.empty() ? "--" : "|--") + name;
        for (const std::string& name : option->get_lnames())
            out += (out.empty() ? "--" : " --") + name;
        std::string words = value_of(*option);
        if (words.find('|') == std::string::npos)
            continue;
        for (char& c : words)
            c = c == '|' ? ' ' : c;
        *values += fmt::format("    {}) COMPREPLY=($(compgen -W \"{}\" -- \"$word\")); return ;;\n",
                               names, words);
    }
    return out;
}

// A section for each verb below `app`; those of a verb that has verbs follow it.
std::string verb_entries(const CLI::App& app, const std::string& program, const std::string& path)
{
    std::string out;
    for (const CLI::App* verb : verbs_of(app)) {
        const std::string below = fmt::format("{}{}", path, verb->get_name());
        out +=
            fmt::format(".SS {}\n{}.PP\n{}{}.PP\n{}{}", roff(below),
                        synopsis(*verb, fmt::format("{} {}", program, below)),
                        paragraphs(verb->get_description()), option_entries(*verb),
                        paragraphs(verb->get_footer()), verb_entries(*verb, program, below + " "));
    }
    return out;
}

}  // namespace

std::string man_page(const CLI::App& app, int section)
{
    const std::string name = app.get_name(), description = app.get_description();
    const size_t colon = description.find(": ") + 2, stop = description.find('.');
    std::string upper = name;
    for (char& c : upper)
        c = static_cast<char>(std::toupper(c));
    std::string out =
        fmt::format(".TH {} {} \"\" \"mxgate {}\" \"mxgate\"\n", upper, section, MXGATE_VERSION);
    out += ".SH NAME\n" + roff(name) + " \\- ";
    std::string line = description.substr(colon, stop - colon);
    for (char& c : line)
        c = c == '\n' ? ' ' : c;
    out += roff(line) + "\n.SH SYNOPSIS\n" + synopsis(app, name);
    out += ".SH DESCRIPTION\n" + paragraphs(description) + ".PP\n" + paragraphs(app.get_footer());
    out += ".SH OPTIONS\n" + option_entries(app);
    if (!verbs_of(app).empty())
        out += ".SH VERBS\n" + verb_entries(app, name, "");
    return out +
           ".SH SEE ALSO\n.BR mxgate (1),\n.BR mxgated (8),\n.BR mxgate\\-dpdk (8),\n"
           ".BR mxgate.yaml (5)\n";
}

std::string bash_completion(const std::vector<const CLI::App*>& apps)
{
    std::string out = "# bash completion for mxgate\n";
    for (const CLI::App* app : apps) {
        std::string verbs, values, cases, function = "_" + app->get_name();
        for (char& c : function)
            c = c == '-' ? '_' : c;
        const std::string general = option_words(*app, &values);
        for (const CLI::App* verb : verbs_of(*app)) {
            verbs += (verbs.empty() ? "" : " ") + verb->get_name();
            std::string words = option_words(*verb, &values);
            for (const CLI::App* below : verbs_of(*verb))
                words.append(" ").append(option_words(*below, &values));
            cases +=
                fmt::format("      {}) verb=1; options+=\" {}\" ;;\n", verb->get_name(), words);
        }
        out += fmt::format(
            "{}()\n{{\n"
            "  local word=\"${{COMP_WORDS[COMP_CWORD]}}\" each verb= options=\"{}\" verbs=\"{}\"\n"
            "  COMPREPLY=()\n"
            "  case \"${{COMP_WORDS[COMP_CWORD - 1]}}\" in\n{}    *) ;;\n  esac\n"
            "  for each in \"${{COMP_WORDS[@]:1:COMP_CWORD - 1}}\"; do\n"
            "    case \"$each\" in\n{}      *) ;;\n    esac\n  done\n"
            "  if [[ \"$word\" == -* ]]; then\n"
            "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
            "  elif [[ -n \"$verbs\" && -z \"$verb\" ]]; then\n"
            "    COMPREPLY=($(compgen -W \"$verbs\" -- \"$word\"))\n"
            "  fi\n}}\n"
            "complete -o default -F {} {}\n",
            function, general, verbs, values, cases, function, app->get_name());
    }
    return out;
}

}  // namespace mxgate
