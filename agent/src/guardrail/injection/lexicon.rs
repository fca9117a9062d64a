//! The words that injected instructions are made of, by what they mean.
//!
//! A word with a star is a stem: `ignor*`. A star in front is the end of a compound: `*anweisung*`. Case and
//! accents do not count. Another language is another line of words; the rules stay as they are.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::plain;

/// What a word stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Concept {
    /// To set aside: ignore, forget, override.
    Drop,
    /// What a model was told: instructions, rules, guidelines.
    Rules,
    /// What keeps a model safe: safety rules, content policy.
    Guard,
    /// Which instructions: previous, above, all, your.
    Prior,
    /// Everything that was said so far.
    Before,
    /// To tell: reveal, print, repeat.
    Reveal,
    /// The instructions of the system, as a thing to be told.
    Prompt,
    /// To become another: you are now, act as, enable.
    Persona,
    /// A named way of being another: DAN, developer mode.
    Mode,
    /// Without rules.
    Unbound,
    /// Somebody is spoken to: you.
    You,
    /// The speaker's own.
    Mine,
    /// To do as one is told: comply, obey, answer.
    Comply,
    /// Whatever is asked.
    Whatever,
    /// What must not get out: keys, customers' data.
    Secrets,
    /// To send: e-mail, forward, upload.
    Send,
    /// Where it would get out to.
    Outside,
    /// The model itself, spoken to by what it reads.
    Model,
    /// An order: must, should, please.
    Must,
    /// To put into an answer.
    Insert,
    /// The answer that something is put into.
    Answer,
    /// The model's own answer or summary, in so many words.
    YourAnswer,
    /// Every time, from now on.
    Always,
    /// To keep for later.
    Remember,
    /// Does not apply, is exempt.
    Exempt,
    /// Thoughts put into the model's mouth.
    Thought,
    /// To decode.
    Decode,
    /// To do what was decoded.
    Execute,
    /// In full, in the very words; and verbs that mean it is hidden.
    Expose,
    /// Rules that are said to be new.
    NewRules,
    /// Rights that are merely claimed.
    Rights,
    /// To keep it from the person.
    Hide,
    /// To empty, delete, overwrite.
    Destroy,
    /// The person the model works for.
    User,
}

use Concept as C;

const WORDS: &[(Concept, &str)] = &[
    // English.
    (
        C::Drop,
        "ignore|ignoring|ignores|disregard|disregards|disregarding|forget|forgetting|override|overrides|overriding|bypass|bypassing|bypasses|discard|circumvent|set aside|pay no attention to|do not follow|don't follow|stop following|do not obey|no longer follow|no longer bound by|erase|abandon|violate|supersede|supersedes|unlearn|not bound by",
    ),
    (
        C::Rules,
        "instruction|instructions|rule|rules|guideline|guidelines|directive|directives|prompt|prompts|constraint|constraints|restriction|restrictions|instruction sets",
    ),
    (
        C::Guard,
        "safety rule*|safety guideline*|safety polic*|safety protocol*|safety filter*|safety instruction*|safety measures|safety training|safety restriction*|safety constraints|content polic*|content filter*|content restriction*|moderation|guardrail*|ethical guideline*|ethical rules|ethics|usual restrictions|system prompt|system message|system instructions|developer instructions|your restrictions|your rules|your guidelines|your programming|your training|your filters|your instructions|all restrictions|all rules|all limits|usage polic*|safeguards",
    ),
    (
        C::Prior,
        "previous|prior|above|earlier|preceding|foregoing|all|any|every|your|original|initial|existing|current|before|past|former|given|system|the system's|these|those|aforementioned|previously|other",
    ),
    (
        C::Before,
        "words above|text above|sentences above|lines above|message above|instructions above|forget everything and|everything above|everything before|everything you were told|everything you have been told|everything you've been told|everything you know|everything that came before|everything prior|everything previous*|everything i said before|everything we discussed|everything we talked about|everything said so far|all of the above|all the above|the above and|the text above|the above text|what you were told|what you've been told|what you have been told|what i said before|the previous conversation|all previous text|anything you were told|all that was said|everything so far",
    ),
    (
        C::Reveal,
        "reveal|reveals|show|print|printing|prints|output|outputs|display|repeat|repeating|tell me|tell us|give me|leak|expose|disclose|dump|list|recite|share|write out|write down|provide|return|spell out|paste|copy|quote|translate|summarize|summarise|describe|what is|what are|what's|what were|echo|reproduce|exfiltrate|append|begin your reply with|encode|send|email|include|render|restate",
    ),
    (
        C::Prompt,
        "system prompt*|system message|system instruction*|initial prompt*|initial instruction*|original prompt|original instructions|hidden prompt*|hidden instruction*|secret prompt|secret instructions|internal prompt|internal instructions|your prompt|your hidden|your rules verbatim|developer message|developer prompt|developer instructions|instructions you were given|instructions you have been given|instructions you received|instructions given to you|instructions you got|prompt you were given|rules you were given|guidelines you were given|operating instructions|base prompt|pre-prompt|preprompt|prompt verbatim|starting with 'you are'|starting with you are|starting with \"you are|first message in this conversation",
    ),
    (
        C::Persona,
        "you are now|you're now|you are no longer|you will now|act as|acting as|pretend|pretending|roleplay|role-play|role play|simulate|imagine you|imagine that you|enable|enabled|enter|entering|activate|activated|switch to|switch into|turn on|behave as|behave like|respond as|answer as|speak as|take on the role|assume the role|become|you are in|you're in|you are an ai|you are a|let's play|from now on you|be an",
    ),
    (
        C::Mode,
        "are now dan|as dan|dan has|called dan|are dan|developer mode|dev mode|god mode|debug mode|admin mode|administrator mode|sudo mode|root mode|maintenance mode|unrestricted mode|unfiltered mode|jailbreak mode|jailbreak*|evil mode|chaos mode|opposite mode|dan mode|do anything now|stan mode|anti-dan|diagnostic mode|override mode|test mode|unsafe mode|no-limits mode|freedom mode",
    ),
    (
        C::Unbound,
        "free of rules|without any rules|without any guidelines|never refuses|not restricted|you have no limits|you have no limitations|has no limits|no limits on what you|do anything now|no restrictions|no restriction|without restriction|without restrictions|without any restriction*|no rules|no content polic*|no filter|no filters|without filter*|without any filter*|unfiltered|uncensored|unrestricted|without censorship|no censorship|no ethical|without ethical|no ethics|no morals|amoral|no guidelines|without guidelines|no constraints|without constraints|no safety|without safety|free from restrictions|freed from|not bound by|unbound|no longer bound|no boundaries|without boundaries|no guardrails|without guardrails|nothing is off limits|nothing is forbidden|ignore safety|never refuse|cannot refuse|can't refuse|must not refuse|do not refuse|restricted content|no moral|broken free|without moderation|no longer have restrictions|no safeguards|without disclaimers|answer freely|respond freely",
    ),
    (C::You, "you|your|yourself|you're|model|assistant|ai|chatbot|bot"),
    (C::Mine, "my|our|mine"),
    (
        C::Comply,
        "comply|complies|obey|answer|respond|reply|fulfil*|proceed|grant|accept",
    ),
    (
        C::Whatever,
        "every request|any request|all requests|any question|every question|all questions|every command|any command|all commands|whatever i say|whatever the user|anything i ask|anything the user|everything i ask|all content|any content|any instruction|every instruction|the following request|the following instruction*|these new instructions|my instructions|my every|with anything|following instead|all my",
    ),
    (
        C::Secrets,
        "passwords|admin password*|user password*|password hash*|/etc/shadow|confidential data|confidential information|confidential files|credentials|api key|api keys|apikey*|credential*|secret key*|access token*|auth token*|private key*|ssh key*|customer database|user database|entire database|whole database|full database|raw database|customer list|user list|full list of customers|list of all customers|list of all users|customer email*|user email*|customer data|customers' data|customer record*|user data|users' data|personal data|personal information|all emails|order data|all orders|order history of all|all customer*|all user*|internal data|internal document*|internal files|environment variable*|env variables|.env|/etc/passwd|connection string*|session token*|conversation history|chat history|entire conversation|this conversation|full conversation|admin page*|private admin|payment data|payroll|employee record*",
    ),
    (
        C::Send,
        "send|sends|sending|email|e-mail|emails|mail it|forward|forwards|forwarding|post it|post them|post the|upload|uploads|transmit|exfiltrate|leak|copy it to|bcc|deliver|submit|push|publish|share|curl|wget|fetch|ship",
    ),
    (
        C::Outside,
        "external|externally|outside|third party|third-party|attacker*|webhook|evil.*|pastebin*|ngrok*|my server|this address|this url|this email|this endpoint|remote server|my email",
    ),
    (
        C::Model,
        "ai assistant|ai assistants|ai agent|ai agents|ai model|ai models|ai system|ai systems|llm|llms|llm agents|language model|language models|chatbot|dear ai|attention ai|hey ai|hello ai|note to ai|note to the ai|note to assistant|note to the assistant|note to the bot|note to bot|note to the model|note for ai|note for the assistant|instructions for ai|instruction for ai|instruction to the assistant|instructions to the assistant|for ai agents|for the assistant|to the assistant|to the ai|assistant reading this|ai reading this|if you are an ai|if you are a language model|if you are an assistant|coding agent*|code assistant*|coding assistant*|automated agent*|autonomous agent*|the assistant must|the assistant should|the ai must|the ai should|the model must|the model should|agents reading|agents processing|bots reading|note to self",
    ),
    (
        C::Must,
        "must|should|shall|need to|needs to|have to|has to|required|make sure|be sure|ensure|please|mandatory|immediately|kindly|first|instead|before you|before replying|before responding|before answering",
    ),
    (
        C::Insert,
        "recommend|suggest|promote|advertise|link to|contain|include|included|including|add|adding|added|append|appending|appended|insert|inserted|mention|mentioned|embed|prepend|cite|quote|shown|display|displayed|repeat|repeated|put|place|write|attach|end with|begin with|start with|output|print|state|reproduce|reference|copy",
    ),
    (
        C::Answer,
        "your reply|your message|reply|replies|response|responses|answer|answers|summary|summaries|report|reports|output|outputs|message to the user|messages to the user|shown to the user|conversation|conversations|interaction|interactions",
    ),
    (
        C::YourAnswer,
        "your response|your responses|your answer|your answers|your summary|your summaries|your report|your output|every summary|each summary|any summary|every response|each response|every reply|each reply|every answer|each answer|every report|each report|all summaries|all responses|all replies|all reports|all answers|report you generate|reports you generate|summary you|response you|when you summarize|when you summarise|when summarizing|when summarising|when you respond|when you reply|when you answer|when responding|when replying|when answering|before you reply|before you respond|before you answer|before replying|before responding|before answering|when you process|when processing this|while processing this|after reading this|when reading this|in the summary|to the summary|in the final answer|in the response|to the response",
    ),
    (
        C::Always,
        "every|each|all future|always|from now on|from this point|going forward|in future|in the future|future|subsequent|next time|henceforth|next user message|at all times|permanently|every time|for the rest of|whenever",
    ),
    (
        C::Remember,
        "remember|memorize|memorise|keep in mind|save this|save the following|store this|store the following|add to memory|add this to|update your memory|commit to memory|note to self|persisted|long-term memory|for later|recall",
    ),
    (
        C::Exempt,
        "did not exist|didn't exist|do not exist|don't exist|exempt*|do not apply|does not apply|don't apply|doesn't apply|not apply|no longer apply|no longer applies|not meant for|not intended for|not applicable|have changed|has changed|have been lifted|has been lifted|lifted|suspended|disabled|deactivated|turned off|waived|are void|null and void|revoked|have been updated|has been updated|were removed|have been removed|superseded",
    ),
    (
        C::Thought,
        "as the assistant|as an assistant|i have concluded|i've concluded|i have determined|i have already determined|i've already reasoned|i have already reasoned|i have verified|i have already verified|reasoning trace|<thinking>|<think>|</think>|chain of thought|internal reasoning|internal monologue|scratchpad|i should comply|i should proceed|i will comply|i will disregard|i will ignore|i can ignore|therefore i will|the correct next step|the right step|assistant's thoughts|assistant thought|verified this internally|the user is clearly authorized|the user is authorized",
    ),
    (
        C::Decode,
        "decode*|decoding|decrypt*|decipher*|unscramble*|deobfuscate*|base64|base32|base85|rot13|rot-13|rot47|hex string|hexadecimal|caesar cipher|morse code|binary string|encoded|encrypted|reversed text|reverse the|read backwards|backwards|translate the following from|unescape",
    ),
    (
        C::Execute,
        "follow the instruction*|follow it|follow what|follow its|follow the hidden|follow any instruction*|execute it|execute the|execute what|execute them|execute as|execute its|run it|run the|obey|carry out|do exactly|do what it says|do as it says|exactly what it says|do whatever it says|act on it|act on the|comply with it|instruction inside|instructions inside|as a command|as an instruction|as instructions|hidden command*|hidden instruction*|without question|no questions|perform the|perform what|treat it as",
    ),
    (
        C::NewRules,
        "new instruction|new instructions|new instructions:|new rule|new rules|new directive*|new system prompt|updated instructions|revised instructions|new policy:|system update|system override|override:|admin override|emergency override|updated rules|new task:|new objective|new goal:|your new task|your new role|your real task|your actual task|real instructions|following instructions instead|following instead|priority instruction*",
    ),
    (
        C::Rights,
        "is an admin|is admin|is the admin|is an administrator|am an admin|am the admin|am the administrator|am your developer|am the developer|am your creator|admin access|root access|admin privileges|grant all|grant access|elevated privileges|elevated access|superuser|approval has been granted|authorization: granted|skip confirmation|skip approval|bypass approval|auto-approve|auto approve|openai staff",
    ),
    (
        C::Hide,
        "do not tell|don't tell|do not inform|don't inform|do not mention|don't mention|never mention|without telling|without informing|without mentioning|without notifying|do not notify|don't notify|do not alert|hide this|keep this hidden|do not disclose this|do not reveal this|do not reveal that|don't reveal|without the user|user must not know|user should not know|not visible to the user",
    ),
    (
        C::Destroy,
        "delete*|erase|wipe|empty the|empties|remove all|remove the|overwrite|drop table|drop all|truncate|rm -rf|format the|destroy|purge|disable|uninstall|shut down|terminate|revoke|transfer|refund|wire|pay|purchase|buy|approve",
    ),
    (
        C::User,
        "the user|the customer|the human|the operator|user's request|user's question|the original task|the original request|your task|your original task",
    ),
    (
        C::Expose,
        "reveal|leak|expose|disclose|dump|verbatim|word for word|exact|exactly|full|entire|complete|hidden|secret|original|initial|in detail",
    ),
    // German.
    (
        C::Expose,
        "verrat*|verrate|offenbar*|enthüll*|wörtlich*|wort für wort|genau|genauen|vollständig*|geheim*|intern*",
    ),
    (
        C::Drop,
        "ignorier*|vergiss|vergesst|vergessen|missacht*|umgeh*|überschreib*|übergeh*|verwirf|verwerfen|beachte nicht|befolge nicht|befolge keine|außer acht|halte dich nicht",
    ),
    (
        C::Rules,
        "*anweisung*|regel|regeln|richtlinie*|vorgabe*|instruktion*|einschränkung*|beschränkung*|vorschrift*|weisung*|direktive*",
    ),
    (
        C::Guard,
        "sicherheitsregel*|sicherheitsrichtlinie*|sicherheitsvorgabe*|inhaltsrichtlinie*|sicherheitsfilter*|inhaltsfilter*|deine regeln|deine richtlinien|deine anweisungen|deine einschränkungen|ihre anweisungen|alle regeln|alle einschränkungen|alle anweisungen|system-prompt|systemprompt|schutzmaßnahmen",
    ),
    (
        C::Prior,
        "vorherige*|vorige*|bisherige*|obige*|früher*|vorangegangene*|alle|allen|aller|deine|deinen|deiner|ihre|ursprüngliche*|sämtliche*|jegliche*|gegebenen|vorstehende*",
    ),
    (
        C::Before,
        "alles, was|alles was|alles oben|alles obige|alles bisherige|alles vorherige|alles davor|alles zuvor|was wir besprochen|alles über dem|den bisherigen kontext",
    ),
    (
        C::Reveal,
        "zeig*|verrat*|verrate|gib|gibst|gebe|ausgeben|nenn*|wiederhol*|offenbar*|drucke|druck|schreib*|lies|enthüll*|sag mir|teile mir|wie lautet|wie lauten|was steht|liste|preis",
    ),
    (
        C::Prompt,
        "system-prompt*|systemprompt*|systemanweisung*|system-anweisung*|systemnachricht*|ursprüngliche anweisungen|ursprünglichen anweisungen|deine regeln wörtlich|deinen prompt|dein prompt|interne anweisungen|internen anweisungen|versteckten anweisungen|geheimen anweisungen|initialen prompt|anfangsanweisung*",
    ),
    (
        C::Persona,
        "du bist jetzt|du bist nun|du bist ab jetzt|du bist ab sofort|ab jetzt bist du|ab sofort bist du|verhalte dich|tu so|tue so|spiele|spiel|stell dir vor|stelle dir vor|agiere|handle als|aktivier*|schalte|wechsle|sei ein|antworte als|simulier*|sie sind jetzt|sie sind nun",
    ),
    (
        C::Mode,
        "entwicklermodus|entwickler-modus|gottmodus|adminmodus|admin-modus|debug-modus|wartungsmodus|uneingeschränkten modus",
    ),
    (
        C::Unbound,
        "keine regeln|keine einschränkungen|keine beschränkungen|keine filter|keine richtlinien|ohne einschränkung*|ohne beschränkung*|ohne regeln|ohne filter|ohne zensur|ohne richtlinien|unzensiert*|ungefiltert*|keinerlei einschränkung*|keinerlei regeln|frei von|keine zensur|keine moral*|ohne moral*|ohne rücksicht",
    ),
    (C::You, "du|dein|deine|deinen|dich|dir|sie"),
    (C::Mine, "mein|meine|meinen|meiner|unsere"),
    (
        C::Comply,
        "antworte|antworten|beantworte*|gehorche*|befolge|befolgen|erfülle|erfüllen|entsprechen",
    ),
    (
        C::Whatever,
        "jede anfrage|jeder anfrage|alle anfragen|allen anfragen|jede frage|alle fragen|jeden befehl|alle befehle|alles, was ich|alles was ich|folgenden anweisungen|folgende anweisung*",
    ),
    (
        C::Secrets,
        "passwörter|zugangsdaten|api-schlüssel*|kundendaten*|kundenliste*|nutzerdaten|benutzerdaten|interne daten|internen daten|vertraulich*|kunden-e-mails|personenbezogene*|umgebungsvariablen|alle kunden*",
    ),
    (
        C::Send,
        "sende*|schick*|send|leite|weiterleit*|übermittle*|übermitteln|übertrag*|hochlad*|lade|maile|poste|versende*",
    ),
    (
        C::Outside,
        "extern*|externe adresse|dritte|diese adresse|angreifer*",
    ),
    (
        C::Model,
        "ki-assistent*|ki-agent*|ki-modell*|ki-system*|sprachmodell*|hinweis für den assistenten|hinweis an den assistenten|hinweis an die ki|anweisung an den assistenten|an die ki|notiz an den bot|hinweis an den bot|für ki|systemhinweis|system-hinweis|systemhinweis:",
    ),
    (
        C::Must,
        "muss|musst|müssen|soll|sollst|sollen|bitte|unbedingt|zuerst|zunächst|stattdessen|sofort",
    ),
    (
        C::Insert,
        "füge|hinzufüg*|hinzugefügt|einfüg*|eingefügt|erwähne*|nenne|nennen|angeben|gib|anhängen|hänge|beifüg*|aufnehmen|enthalten|schreibe|zitier*",
    ),
    (
        C::Answer,
        "antwort|antworten|zusammenfassung*|bericht*|ausgabe*|rückmeldung*",
    ),
    (
        C::YourAnswer,
        "deiner antwort|deine antwort|deinen antworten|deiner zusammenfassung|deine zusammenfassung|jeder antwort|jede antwort|jeder zusammenfassung|jede zusammenfassung|allen antworten|alle antworten|jedem bericht|jeden bericht|ihrer antwort|ihre antwort|bevor du antwortest|wenn du antwortest|wenn du dies|wenn du dieses",
    ),
    (
        C::Always,
        "jede|jeder|jedes|jedem|jeden|ab jetzt|ab sofort|von nun an|künftig*|zukünftig*|immer|von jetzt an|fortan|nächsten",
    ),
    (C::Remember, "merke dir|merk dir|erinnere dich|speichere|behalte"),
    (
        C::Exempt,
        "nicht existieren|nicht existierten|gelten nicht|gilt nicht|nicht gelten|nicht gilt|gelten hier nicht|aufgehoben|außer kraft|ausgenommen|nicht anwendbar|haben sich geändert|deaktiviert|nicht zutreffen",
    ),
    (
        C::Thought,
        "als assistent habe ich|ich habe bereits|ich habe festgestellt|ich habe entschieden|überlegen wir|denken wir|als assistent",
    ),
    (
        C::Decode,
        "dekodier*|decodier*|entschlüssel*|entziffer*|rückwärts",
    ),
    (
        C::Execute,
        "führe aus|ausführ*|tu genau|tue genau|mach genau|genau das, was|anweisung darin|ohne nachfrage|ohne rückfrage|als befehl",
    ),
    (
        C::NewRules,
        "neue anweisung*|neue anweisungen:|neue regeln|neue regel|neue vorgaben|neue richtlinie*|systemupdate|system-update|neue aufgabe:|deine neue aufgabe",
    ),
    (
        C::Rights,
        "ist administrator|ist admin|bin administrator|bin der administrator|bin admin|bin dein entwickler|volle rechte|ohne bestätigung|ohne genehmigung|ohne freigabe",
    ),
    (
        C::Hide,
        "sag dem nutzer nicht|sage dem nutzer nicht|ohne den nutzer|ohne den benutzer|heimlich|erwähne nicht|nicht erwähnen|verschweig*|unbemerkt",
    ),
    (
        C::Destroy,
        "lösch*|vernicht*|überschreib*|entfern*|überweis*|leere",
    ),
    (
        C::User,
        "den nutzer|den benutzer|den kunden|der nutzer|des nutzers",
    ),
    // French.
    (
        C::Expose,
        "révèle*|divulgue*|dévoile*|mot pour mot|exact*|complète*|intégral*|caché*|secrètes|internes",
    ),
    (
        C::Drop,
        "ignore|ignorez|ignorer|ignores|oublie|oubliez|oublier|contourne*|outrepasse*|néglige*|fais abstraction|faites abstraction|ne tiens pas compte|ne tenez pas compte|ne tiens plus compte|ne respecte pas|ne suis pas|ne suis plus|passe outre|désobéi*|abandonne*|annule|je vais ignorer",
    ),
    (
        C::Rules,
        "instruction|instructions|consigne*|règle|règles|directive*|contrainte*|restriction*|limitation*",
    ),
    (
        C::Guard,
        "règles de sécurité|consignes de sécurité|politique de contenu|politiques de contenu|filtres de sécurité|filtre de contenu|tes règles|vos règles|tes consignes|vos consignes|tes instructions|vos instructions|toutes les règles|toutes les instructions|toutes les consignes|toutes les restrictions|garde-fous|tes restrictions|prompt système|invite système|directives de sécurité",
    ),
    (
        C::Prior,
        "précédent*|antérieur*|ci-dessus|ci-avant|toutes|tous|tout|tes|vos|initial*|d'origine|reçues|données|actuelles|avant",
    ),
    (
        C::Before,
        "tout ce qui précède|tout ce qui est au-dessus|tout ce qui a été dit|tout ce que tu sais|tout ce que nous avons|tout ce qu'on t'a dit|tout le reste|ce qui précède",
    ),
    (
        C::Reveal,
        "révèle*|révéler|révélez|montre*|montrez|affiche*|affichez|donne|donne-moi|donnez|dis-moi|dites-moi|répète*|répétez|imprime*|divulgue*|partage|écris|recopie*|liste|communique*|transmets|quel est|quelles sont|dévoile*|cite",
    ),
    (
        C::Prompt,
        "prompt système|prompt du système|prompt systeme|invite système|invite du système|message système|instructions système|instructions du système|instructions initiales|instructions internes|instructions cachées|instructions secrètes|ton prompt|votre prompt|prompt initial|consignes initiales|instructions que tu as reçues|instructions qui t'ont été",
    ),
    (
        C::Persona,
        "tu es maintenant|tu es désormais|tu es dorénavant|vous êtes maintenant|vous êtes désormais|agis comme|agis en tant|agissez comme|fais comme si|faites comme si|fais semblant|joue le rôle|jouez le rôle|imagine que tu|comporte-toi|active|activez|passe en|passez en|simule|deviens|réponds comme|mets-toi|à partir de maintenant tu",
    ),
    (
        C::Mode,
        "mode développeur|mode dieu|mode admin*|mode débogage|mode debug|mode sans restriction*|mode maintenance",
    ),
    (
        C::Unbound,
        "sans restriction*|sans aucune restriction|sans filtre*|sans aucun filtre|sans censure|sans règles|aucune restriction|aucune règle|aucun filtre|aucune censure|pas de restriction*|pas de règles|pas de filtre|non censuré*|non filtré*|libre de toute|aucune consigne|plus de règles|sans contrainte*|aucune contrainte|sans morale|plus aucune",
    ),
    (C::You, "tu|toi|ton|ta|tes|vous|votre|vos|assistant"),
    (C::Mine, "mon|ma|mes|notre|nos"),
    (
        C::Comply,
        "réponds|répondez|répondre|obéis|obéissez|obéir|accepte|procède",
    ),
    (
        C::Whatever,
        "toute demande|toutes les demandes|chaque demande|toute question|toutes les questions|toutes mes|tout ce que je|n'importe quelle|suivantes à la place|les instructions suivantes|à tout",
    ),
    (
        C::Secrets,
        "mots de passe|clé api|clés api|clé d'api|clés d'api|identifiants|données clients|données des clients|données client|liste des clients|liste complète des clients|données confidentielles|données internes|données personnelles|informations confidentielles|informations personnelles|courriels des clients|e-mails des clients|emails des clients|variables d'environnement|tous les clients|pages d'administration|données de commande",
    ),
    (
        C::Send,
        "envoie*|envoyer|envoyez|transfère*|transférer|transférez|transmets|transmettre|transmettez|expédie*|télécharge*|publie*|poste|exfiltre*|fais suivre",
    ),
    (
        C::Outside,
        "externe*|extérieur*|adresse suivante|tiers|cette adresse|serveur distant|attaquant",
    ),
    (
        C::Model,
        "assistant ia|assistants ia|agent ia|agents ia|modèle de langage|note à l'assistant|note pour l'assistant|note à l'ia|note au bot|note système|remarque système|à l'attention de l'ia|instruction pour l'ia|instructions pour l'assistant|l'assistant doit|l'ia doit|si tu es une ia|les agents ia|note du système",
    ),
    (
        C::Must,
        "dois|doit|doivent|devez|devrait|faut|veuillez|d'abord|impérativement|obligatoirement|immédiatement|plutôt",
    ),
    (
        C::Insert,
        "inclus|incluez|inclure|inclut|inclus|ajoute*|ajoutez|ajouter|ajouté|ajoutée|insère*|insérer|inséré|mentionne*|mentionner|affiche*|cite|citer|indique*|joins|écris|reprendre|figurer|termine par|commence par",
    ),
    (C::Answer, "réponse*|résumé*|rapport*|synthèse*|sortie*"),
    (
        C::YourAnswer,
        "ta réponse|tes réponses|votre réponse|vos réponses|ton résumé|tes résumés|votre résumé|ton rapport|votre rapport|chaque réponse|chaque résumé|chaque rapport|toute réponse|toutes les réponses|toutes tes réponses|tous les résumés|avant de répondre|lorsque tu résumes|quand tu résumes|lorsque vous résumez|quand tu réponds|dans le résumé",
    ),
    (
        C::Always,
        "chaque|toujours|désormais|dorénavant|à partir de maintenant|à l'avenir|futur*|prochain*|systématiquement",
    ),
    (
        C::Remember,
        "souviens-toi|souvenez-vous|mémorise*|retiens|retenez|garde en mémoire|enregistre",
    ),
    (
        C::Exempt,
        "n'existaient pas|n'existent pas|ne s'appliquent pas|ne s'applique pas|ne s'appliquent plus|ne s'applique plus|exempté*|exempt*|ne sont pas applicables|non applicable*|ont changé|ont été levées|levées|suspendu*|désactivé*|ne concernent pas|ne valent pas",
    ),
    (
        C::Thought,
        "en tant qu'assistant|j'ai déjà établi|j'ai déjà déterminé|j'ai conclu|j'ai déjà conclu|j'ai vérifié|réfléchissons|la bonne étape|je vais donc|je dois donc",
    ),
    (
        C::Decode,
        "décode*|décoder|décodez|déchiffre*|décrypte*|à l'envers",
    ),
    (
        C::Execute,
        "exécute*|exécuter|suis les|fais exactement|faites exactement|ce qu'il dit|ce qu'elle dit|instruction à l'intérieur|instruction contenue|comme une commande|sans question|sans poser de question*",
    ),
    (
        C::NewRules,
        "nouvelles instructions|nouvelle instruction|nouvelles règles|nouvelle règle|nouvelles consignes|nouvelle consigne|mise à jour du système|mise à jour système|nouvelle tâche|ta nouvelle mission|nouvelles directives",
    ),
    (
        C::Rights,
        "est administrateur|suis administrateur|suis l'administrateur|suis ton développeur|suis votre développeur|accès administrateur|tous les droits|sans confirmation|sans approbation|sans validation",
    ),
    (
        C::Hide,
        "ne dis pas|ne le dis pas|ne mentionne pas|ne mentionnez pas|sans le dire|sans en informer|sans informer|sans prévenir|secrètement|discrètement|en secret|n'informe pas|à l'insu",
    ),
    (
        C::Destroy,
        "supprime*|supprimer|supprimez|efface*|détruis|détruire|écrase*|vide|vire|transfère",
    ),
    (C::User, "l'utilisateur|le client|l'usager"),
];

/// More of the same, in [`super::lexicon_more`].
static ALL: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let lines = WORDS.iter().chain(super::lexicon_more::WORDS);
    let words = lines.flat_map(|(concept, words)| words.split('|').map(|it| (*concept, it)));
    words.map(|(concept, word)| Entry::new(concept, word)).collect()
});

static FINDER: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(ALL.iter().map(|it| it.word.as_str())).ok());

struct Entry {
    concept: Concept,
    word: String,
    /// Whether it may go on to the left and to the right.
    open: (bool, bool),
}

impl Entry {
    fn new(concept: Concept, word: &str) -> Self {
        let bare = word.trim_matches('*');
        // Words are not set apart by spaces in these scripts.
        let unspaced = bare.chars().any(
            |it| matches!(u32::from(it), 0xE00..=0xE7F | 0x3040..=0x30FF | 0x3400..=0x9FFF | 0xAC00..=0xD7AF),
        );
        Self {
            concept,
            word: plain::lowered(bare),
            open: (unspaced || word.starts_with('*'), unspaced || word.ends_with('*')),
        }
    }
}

/// A word that was found, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    pub(super) concept: Concept,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// All words of the lexicon in a text that [`plain::lowered`] has made, in the order of their ends.
pub(super) fn hits(text: &str) -> Option<Vec<Hit>> {
    let finder = FINDER.as_ref()?;
    let found = finder.find_overlapping_iter(text).filter_map(|it| {
        let entry = ALL.get(it.pattern().as_usize())?;
        let joins = |sign: Option<char>| sign.is_some_and(|it| it.is_alphanumeric() || it == '_');
        let left = entry.open.0 || !joins(text[..it.start()].chars().next_back());
        let right = entry.open.1 || !joins(text[it.end()..].chars().next());
        (left && right).then_some(Hit {
            concept: entry.concept,
            start: it.start(),
            end: it.end(),
        })
    });
    Some(found.collect())
}
