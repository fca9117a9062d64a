//! The lexicon in more languages. See [`super::lexicon`].

use super::lexicon::Concept as C;

pub(super) const WORDS: &[(C, &str)] = &[
    // Spanish.
    (
        C::Drop,
        "ignora|ignore|ignorad|ignorar|ignoren|ignorando|olvida|olvidad|olvide|olviden|olvidar|olvídate|descarta*|omite|omita|omitir|pasa por alto|haz caso omiso|no hagas caso|no sigas|no obedezcas|desobedece*|anula|anular|elude|eludir|desestima*|salta|sáltate|voy a ignorar|sobrescrib*|deja de seguir",
    ),
    (
        C::Rules,
        "instrucción|instrucciones|instruccion|regla|reglas|directriz|directrices|restricción|restricciones|limitacion*|pautas|consignas",
    ),
    (
        C::Guard,
        "reglas de seguridad|normas de seguridad|política de contenido|políticas de contenido|filtros de seguridad|filtro de contenido|tus reglas|tus normas|tus instrucciones|todas las reglas|todas las normas|todas las restricciones|todas las instrucciones|prompt del sistema|prompt de sistema|directrices de seguridad|medidas de seguridad del modelo|tus restricciones|tus directrices",
    ),
    (
        C::Prior,
        "anterior|anteriores|previa|previas|previo|previos|todas|todos|tus|sus|cualquier|iniciales|originales|arriba|antes|precedentes|dadas",
    ),
    (
        C::Before,
        "todo lo anterior|todo lo de arriba|todo lo que te|todo lo que sabes|todo lo dicho|todo lo que hemos|lo anterior|todo lo que hablamos",
    ),
    (
        C::Reveal,
        "revela*|revélame|muestra*|muéstrame|mostrar|mostrarme|dime|dame|imprime*|repite*|repíteme|escribe*|divulga*|comparte*|enseña*|enséñame|lista|expón|copia|cuál es|cuáles son|filtra|entrega|cuéntame|proporciona*|transcribe*",
    ),
    (
        C::Prompt,
        "prompt del sistema|prompt de sistema|system prompt|mensaje del sistema|mensaje de sistema|instrucciones del sistema|instrucciones de sistema|instrucciones iniciales|instrucciones internas|instrucciones ocultas|instrucciones secretas|instrucciones originales|tu prompt|prompt inicial|tus reglas internas|texto anterior palabra por palabra|configuración interna",
    ),
    (
        C::Persona,
        "ahora eres|ahora estás|ahora estas|eres ahora|a partir de ahora eres|desde ahora eres|actúa como|actua como|actúe como|compórtate|finge|fingir|simula*|imagina que|haz de cuenta|haz como si|juega el papel|interpreta|activa|activar|entra en|habilita|cambia a|responde como|conviértete|hazte pasar",
    ),
    (
        C::Mode,
        "modo desarrollador|modo dios|modo administrador|modo admin|modo depuración|modo debug|modo sin restricciones|modo libre|modo de desarrollador",
    ),
    (
        C::Unbound,
        "sin restricciones|sin ninguna restricción|sin restricción|sin filtro*|sin ningún filtro|sin censura|sin reglas|sin normas|ninguna restricción|ninguna regla|ningún filtro|no tienes restricciones|no tienes reglas|no tienes límites|libre de|sin ética|sin moral|no hay reglas|no hay límites|ya no tienes|sin directrices",
    ),
    (C::You, "tú|tu|tus|te|ti|usted|eres|estás|estas|tienes|asistente"),
    (C::Mine, "mi|mis|nuestro|nuestra|nuestros"),
    (
        C::Comply,
        "responde|responder|responda|contesta|contestar|obedece|obedecer|cumple|cumplir|acepta|acata",
    ),
    (
        C::Whatever,
        "cualquier petición|cualquier solicitud|todas las peticiones|todas las solicitudes|cada solicitud|cualquier pregunta|todo lo que te pida|todo lo que pida|cualquier orden|todas mis|en su lugar las siguientes|siguientes instrucciones|cualquier instrucción",
    ),
    (
        C::Secrets,
        "contraseñas|clave api|claves api|clave de api|claves de api|credenciales|datos de clientes|datos de los clientes|datos de usuarios|lista de clientes|lista completa de clientes|datos confidenciales|datos internos|datos personales|información confidencial|información interna|secretos|correos de los clientes|correos de clientes|todos los clientes|todos los usuarios|variables de entorno|páginas de administración",
    ),
    (
        C::Send,
        "envía*|envia*|envíalo*|enviar|envíe|manda*|mándalo*|reenvía*|reenvia*|reenviar|remite*|transmite*|publica*|sube|comparte*|exfiltra*",
    ),
    (
        C::Outside,
        "externa|externo|externas|dirección externa|esta dirección|la siguiente dirección|terceros|atacante|afuera|servidor remoto",
    ),
    (
        C::Model,
        "asistente de ia|asistentes de ia|agente de ia|agentes de ia|modelo de lenguaje|nota para el asistente|nota al asistente|nota para la ia|nota para el bot|nota del sistema|nota de sistema|instrucción para el asistente|instrucciones para el asistente|instrucciones para la ia|el asistente debe|la ia debe|si eres una ia",
    ),
    (
        C::Must,
        "debe|debes|deben|deberá|deberás|debería|tienes que|hay que|por favor|primero|inmediatamente|obligatorio|asegúrate",
    ),
    (
        C::Insert,
        "incluye*|incluir|incluya|incluido|incluirse|añade*|añadir|añadirse|añadido|agrega*|agregar|agregarse|agregado|inserta*|insertar|menciona*|mencionar|cita|escribe*|muestra*|adjunta*|indicar|pon|termina con|empieza con",
    ),
    (
        C::Answer,
        "respuesta*|resumen|resúmenes|resumenes|informe|informes|salida|salidas|contestación",
    ),
    (
        C::YourAnswer,
        "tu respuesta|tus respuestas|su respuesta|tu resumen|tus resúmenes|su resumen|tu informe|cada respuesta|cada resumen|cada informe|toda respuesta|todas las respuestas|todas tus respuestas|todos los resúmenes|antes de responder|cuando resumas|al resumir|al responder|cuando respondas|en el resumen",
    ),
    (
        C::Always,
        "cada|siempre|a partir de ahora|de ahora en adelante|desde ahora|en adelante|en el futuro|futur*|próxim*",
    ),
    (
        C::Remember,
        "recuerda|recuerde|memoriza*|guarda|guarde|ten en cuenta|conserva",
    ),
    (
        C::Exempt,
        "no existieran|no existen|no aplican|no se aplican|no aplica|no se aplica|ya no aplican|ya no se aplican|exento*|exenta*|no corresponden|han cambiado|han sido levantadas|suspendid*|desactivad*|no son aplicables|no valen",
    ),
    (
        C::Thought,
        "como asistente|ya he determinado|he determinado|he concluido|ya he concluido|he verificado|pensemos|el paso correcto|por lo tanto debo|ya he razonado|reflexionemos",
    ),
    (
        C::Decode,
        "decodifica*|descodifica*|descifra*|desencripta*|al revés",
    ),
    (
        C::Execute,
        "ejecuta*|ejecútalo|sigue las|sigue la|haz exactamente|haz lo que dice|cumple lo que|instrucción dentro|instrucción que contiene|como un comando|como comando|sin preguntar|sin preguntas|sin cuestionar|obedece",
    ),
    (
        C::NewRules,
        "nuevas instrucciones|nueva instrucción|nuevas reglas|nueva regla|nuevas normas|actualización del sistema|nuevas directrices|tu nueva tarea|nueva tarea:|instrucciones nuevas",
    ),
    (
        C::Rights,
        "es administrador|soy administrador|soy el administrador|soy tu desarrollador|acceso de administrador|todos los permisos|sin confirmación|sin aprobación|sin autorización",
    ),
    (
        C::Hide,
        "no le digas|no se lo digas|no menciones|no informes|sin decir|sin informar|sin avisar|en secreto|secretamente|a escondidas|sin mencionar",
    ),
    (
        C::Destroy,
        "borra*|borrar|elimina*|eliminar|destruye*|suprime|sobrescribe*|vacía|transfiere",
    ),
    (C::User, "al usuario|el usuario|el cliente|al cliente"),
    (
        C::Expose,
        "revela*|divulga*|palabra por palabra|exact*|complet*|literal*|ocult*|secret*|intern*",
    ),
    // Italian.
    (
        C::Expose,
        "rivela*|svela|divulga*|parola per parola|esatt*|complet*|letteral*|nascost*|segret*|intern*",
    ),
    (
        C::Drop,
        "ignora|ignorate|ignorare|ignori|dimentica|dimenticate|dimenticare|dimentichi|trascura*|scarta|tralascia|non seguire|non rispettare|non considerare|disobbedisci|aggira*|scavalca*|bypassa|sovrascrivi|annulla|smetti di seguire|lascia perdere|non tenere conto|ignorerò",
    ),
    (
        C::Rules,
        "istruzione|istruzioni|regola|regole|direttiva|direttive|linee guida|vincol*|restrizion*|limitazion*",
    ),
    (
        C::Guard,
        "regole di sicurezza|norme di sicurezza|linee guida di sicurezza|politica sui contenuti|politiche sui contenuti|filtri di sicurezza|tue regole|tue istruzioni|tutte le regole|tutte le istruzioni|tutte le restrizioni|prompt di sistema|tue restrizioni|tue linee guida|norme sui contenuti",
    ),
    (
        C::Prior,
        "precedente|precedenti|sopra|tutte|tutti|tue|tuoi|iniziali|originali|ricevute|qualsiasi|prima|date",
    ),
    (
        C::Before,
        "tutto ciò che precede|tutto quello che precede|tutto quanto sopra|tutto ciò che ti|tutto quello che ti|tutto ciò che è stato detto|tutto ciò che sai|tutto il resto|tutto quello che abbiamo|quanto sopra",
    ),
    (
        C::Reveal,
        "rivela*|rivelami|mostra*|mostrami|mostrarmi|dimmi|dammi|stampa*|ripeti*|scrivi*|divulga*|condividi|elenca*|esponi|qual è|quali sono|copia|riporta|fornisci|svela",
    ),
    (
        C::Prompt,
        "prompt di sistema|prompt del sistema|messaggio di sistema|istruzioni di sistema|istruzioni del sistema|istruzioni iniziali|istruzioni interne|istruzioni nascoste|istruzioni segrete|istruzioni originali|tuo prompt|prompt iniziale|istruzioni che hai ricevuto",
    ),
    (
        C::Persona,
        "ora sei|adesso sei|sei ora|da ora sei|d'ora in poi sei|da questo momento sei|agisci come|comportati come|fai finta|fingi|interpreta|immagina di essere|immagina che|simula*|attiva|attivare|entra in|abilita|passa alla|rispondi come|diventa",
    ),
    (
        C::Mode,
        "modalità sviluppatore|modalita sviluppatore|modalità dio|modalità admin*|modalità amministratore|modalità debug|modalità senza restrizioni|modalità libera",
    ),
    (
        C::Unbound,
        "senza restrizion*|senza alcuna restrizione|senza filtr*|senza censura|senza regole|nessuna restrizione|nessun filtro|nessuna regola|nessuna censura|non hai restrizioni|non hai regole|non hai limiti|libero da|non censurat*|senza vincoli|senza etica|non hai più|privo di",
    ),
    (C::You, "tu|tuo|tua|tue|tuoi|ti|sei|hai|assistente"),
    (C::Mine, "mio|mia|miei|mie|nostro|nostra"),
    (
        C::Comply,
        "rispondi|rispondere|obbedisci|obbedire|accetta|soddisfa",
    ),
    (
        C::Whatever,
        "ogni richiesta|qualsiasi richiesta|tutte le richieste|qualsiasi domanda|tutte le domande|ogni comando|tutto quello che chiedo|tutto ciò che chiedo|seguenti istruzioni|qualunque richiesta",
    ),
    (
        C::Secrets,
        "chiavi api|chiave api|credenziali|dati dei clienti|dati clienti|dati degli utenti|elenco dei clienti|elenco clienti|lista dei clienti|lista clienti|dati riservati|dati interni|dati personali|informazioni riservate|segreti|email dei clienti|e-mail dei clienti|tutti i clienti|tutti gli utenti|variabili d'ambiente",
    ),
    (
        C::Send,
        "invia*|inviali|inviare|manda*|mandali|inoltra*|inoltrali|inoltrare|trasmetti*|spedisci*|pubblica|carica|condividi*|esfiltra*",
    ),
    (
        C::Outside,
        "esterno|esterna|indirizzo esterno|questo indirizzo|seguente indirizzo|terzi|attaccante|server remoto",
    ),
    (
        C::Model,
        "assistente ia|assistenti ia|assistente ai|agente ia|agenti ia|agenti ai|modello linguistico|nota per l'assistente|nota all'assistente|nota per l'ia|nota per il bot|nota di sistema|nota del sistema|istruzioni per l'assistente|istruzione per l'assistente|istruzioni per l'ia|l'assistente deve|se sei un'ia|se sei un assistente",
    ),
    (
        C::Must,
        "deve|devi|devono|dovrai|dovrebbe|bisogna|per favore|prima|obbligatorio|immediatamente|assicurati|è necessario",
    ),
    (
        C::Insert,
        "includi|includere|incluso|inclusa|aggiungi*|aggiungere|aggiunto|aggiunta|inserisci|inserire|inserito|inserita|menziona*|cita|citare|riporta|riportare|riportato|scrivi|mostra|allega|indica|termina con|inizia con",
    ),
    (
        C::Answer,
        "risposta|risposte|riassunto|riassunti|riepilogo|riepiloghi|sintesi|rapporto|report|relazione",
    ),
    (
        C::YourAnswer,
        "tua risposta|tue risposte|tuo riassunto|tuo riepilogo|ogni risposta|ogni riassunto|ogni riepilogo|ogni report|tutte le risposte|tutti i riassunti|prima di rispondere|quando riassumi|quando rispondi|nel riassunto|nel riepilogo",
    ),
    (
        C::Always,
        "ogni|sempre|da ora in poi|d'ora in poi|da adesso|in futuro|futur*|prossim*",
    ),
    (
        C::Remember,
        "ricorda|ricordati|memorizza|tieni a mente|salva|conserva",
    ),
    (
        C::Exempt,
        "non esistessero|non esistono|non si applicano|non si applica|non valgono|non vale|esente|esentat*|non sono applicabili|sono cambiate|sono state revocate|sospes*|disattivat*",
    ),
    (
        C::Thought,
        "come assistente|in qualità di assistente|ho già determinato|ho già stabilito|ho concluso|ho già concluso|ho verificato|ragioniamo|riflettiamo|pensiamo|il passo corretto|il passo giusto|quindi devo",
    ),
    (C::Decode, "decodifica*|decifra*|decripta*|al contrario"),
    (
        C::Execute,
        "esegui*|segui le|segui l'|fai esattamente|fai quello che dice|istruzione all'interno|istruzione contenuta|come un comando|come comando|senza fare domande|senza domande|obbedisci",
    ),
    (
        C::NewRules,
        "nuove istruzioni|nuova istruzione|nuove regole|nuova regola|aggiornamento di sistema|aggiornamento del sistema|nuove direttive|nuovo compito|nuove linee guida",
    ),
    (
        C::Rights,
        "è amministratore|è un amministratore|sono amministratore|sono l'amministratore|sono il tuo sviluppatore|accesso amministratore|tutti i permessi|senza conferma|senza approvazione",
    ),
    (
        C::Hide,
        "non dire all'utente|non dirlo|non menzionare|senza informare|senza dirlo|senza avvisare|di nascosto|segretamente|in segreto",
    ),
    (
        C::Destroy,
        "elimina*|eliminare|cancella*|cancellare|distruggi|rimuovi|sovrascrivi|svuota|trasferisci",
    ),
    (C::User, "all'utente|l'utente|il cliente|al cliente|utente"),
    // Portuguese.
    (
        C::Drop,
        "ignore|ignora|ignorar|ignorem|esqueça|esquece|esquecer|desconsidere|desconsidera|descarte|não siga|desobedeça|contorne|anule",
    ),
    (
        C::Rules,
        "instrução|instruções|regra|regras|diretriz|diretrizes|restrição|restrições|limitaç*|orientaç*",
    ),
    (
        C::Guard,
        "regras de segurança|política de conteúdo|diretrizes de segurança|suas regras|suas instruções|tuas instruções|todas as regras|todas as instruções|todas as restrições|filtros de segurança|prompt do sistema",
    ),
    (
        C::Prior,
        "anterior|anteriores|acima|prévias|todas|todos|suas|tuas|iniciais|originais|qualquer",
    ),
    (
        C::Before,
        "tudo acima|tudo o que foi dito|tudo o que veio antes|tudo que foi dito|tudo o que você|tudo que você",
    ),
    (
        C::Reveal,
        "revele|revela|mostre|mostra|mostre-me|diga|diga-me|imprima|repita|escreva|divulgue|compartilhe|liste|exiba|qual é|quais são|forneça|me dê|me diga|me mostre",
    ),
    (
        C::Prompt,
        "prompt do sistema|prompt de sistema|mensagem do sistema|instruções do sistema|instruções iniciais|instruções internas|instruções ocultas|instruções secretas|seu prompt|teu prompt|prompt inicial",
    ),
    (
        C::Persona,
        "agora você é|você agora é|a partir de agora você|você é agora|aja como|atue como|finja|finge|simule|imagine que você|faça de conta|interprete|ative|ativar|entre no|responda como|comporte-se",
    ),
    (
        C::Mode,
        "modo desenvolvedor|modo de desenvolvedor|modo deus|modo administrador|modo admin|modo de depuração|modo sem restrições",
    ),
    (
        C::Unbound,
        "sem restriç*|sem nenhuma restrição|sem filtro*|sem censura|sem regras|nenhuma restrição|nenhum filtro|nenhuma regra|não tem restrições|não tem regras|livre de",
    ),
    (C::You, "você|voce|tu|seu|sua|suas|teu|tua|assistente"),
    (C::Mine, "meu|minha|meus|minhas|nosso|nossa"),
    (C::Comply, "responda|responder|obedeça|obedecer|cumpra|aceite"),
    (
        C::Whatever,
        "qualquer pedido|qualquer solicitação|todos os pedidos|todas as solicitações|qualquer pergunta|tudo o que eu pedir|tudo que eu pedir|seguintes instruções",
    ),
    (
        C::Secrets,
        "senhas|chave de api|chaves de api|chaves api|credenciais|dados de clientes|dados dos clientes|lista de clientes|dados confidenciais|dados internos|dados pessoais|segredos|e-mails dos clientes|todos os clientes",
    ),
    (
        C::Send,
        "envie|envia|enviar|mande|manda|encaminhe|encaminha|transmita|publique|compartilhe",
    ),
    (
        C::Outside,
        "externo|externa|endereço externo|este endereço|terceiros|atacante",
    ),
    (
        C::Model,
        "assistente de ia|agente de ia|agentes de ia|modelo de linguagem|nota para o assistente|nota ao assistente|nota do sistema|nota para a ia|instruções para o assistente|o assistente deve",
    ),
    (
        C::Must,
        "deve|devem|deverá|precisa|por favor|primeiro|obrigatório|certifique-se",
    ),
    (
        C::Insert,
        "inclua|incluir|incluído|adicione|adicionar|adicionado|acrescente|insira|inserido|mencione|cite|escreva|mostre",
    ),
    (C::Answer, "resposta*|resumo*|relatório*"),
    (
        C::YourAnswer,
        "sua resposta|suas respostas|tua resposta|seu resumo|cada resposta|cada resumo|todas as respostas|todos os resumos|antes de responder|ao resumir|ao responder|no resumo",
    ),
    (
        C::Always,
        "cada|sempre|a partir de agora|de agora em diante|daqui em diante|no futuro|próxim*",
    ),
    (C::Remember, "lembre-se|memorize|guarde|salve"),
    (
        C::Exempt,
        "não se aplicam|não se aplica|isento*|isenta*|mudaram|suspensas|desativadas",
    ),
    (
        C::Thought,
        "como assistente|já determinei|já concluí|eu concluí|pensemos|vamos pensar|o passo correto",
    ),
    (C::Decode, "decodifique|descodifique|decifre|descriptografe"),
    (
        C::Execute,
        "execute|faça exatamente|faça o que diz|como um comando|sem perguntas|sem questionar",
    ),
    (
        C::NewRules,
        "novas instruções|nova instrução|novas regras|nova regra|atualização do sistema|nova tarefa",
    ),
    (
        C::Rights,
        "é administrador|sou administrador|sou o administrador|sou seu desenvolvedor|acesso de administrador|sem confirmação|sem aprovação",
    ),
    (
        C::Hide,
        "não diga ao|não conte ao|não mencione|sem informar|sem avisar|em segredo|secretamente",
    ),
    (C::Destroy, "apague|apagar|exclua|excluir|delete|remova|transfira"),
    (C::User, "o usuário|ao usuário|o utilizador|o cliente"),
    (
        C::Expose,
        "revele|revela|divulgue|palavra por palavra|exat*|complet*|ocult*|secret*|intern*",
    ),
    // Dutch.
    (
        C::Drop,
        "negeer|negeren|vergeet|vergeten|omzeil*|overschrijf|sla over|houd geen rekening",
    ),
    (
        C::Rules,
        "instructie|instructies|regel|regels|richtlijn*|beperking*|opdracht*|voorschrift*",
    ),
    (
        C::Guard,
        "veiligheidsregels|veiligheidsrichtlijnen|je regels|je instructies|jouw instructies|alle regels|alle instructies|alle beperkingen|systeemprompt",
    ),
    (
        C::Prior,
        "vorige|voorgaande|eerdere|bovenstaande|alle|je|jouw|uw|oorspronkelijke",
    ),
    (
        C::Before,
        "alles hierboven|alles hiervoor|alles wat hierboven|alles wat je",
    ),
    (
        C::Reveal,
        "onthul*|toon|laat zien|geef|vertel|herhaal|print|druk af|schrijf",
    ),
    (
        C::Prompt,
        "systeemprompt|systeeminstructies|interne instructies|verborgen instructies|oorspronkelijke instructies",
    ),
    (
        C::Persona,
        "je bent nu|jij bent nu|u bent nu|doe alsof|gedraag je|handel als|vanaf nu ben je|activeer|schakel",
    ),
    (
        C::Unbound,
        "zonder beperkingen|zonder filter*|zonder regels|zonder censuur|geen beperkingen|geen regels|geen filter*|ongecensureerd*",
    ),
    (C::You, "je|jij|jouw|u|uw"),
    (C::Mine, "mijn|ons|onze"),
    (C::Comply, "antwoord|beantwoord|gehoorzaam"),
    (C::Whatever, "elk verzoek|alle verzoeken|elke vraag|alle vragen"),
    (
        C::Secrets,
        "wachtwoorden|api-sleutel*|klantgegevens|klantenlijst|vertrouwelijke gegevens|interne gegevens|inloggegevens",
    ),
    (C::Send, "stuur|verstuur|verzend|doorsturen|mail|upload"),
    (C::Outside, "externe|extern|dit adres|aanvaller"),
    (C::NewRules, "nieuwe instructies|nieuwe regels|systeemupdate"),
    // Polish.
    (
        C::Drop,
        "zignoruj|ignoruj|zapomnij|pomiń|pomin|odrzuć|obejdź|nie przestrzegaj",
    ),
    (
        C::Rules,
        "instrukcj*|zasad*|reguł*|wytyczn*|ograniczen*|poleceni*|polecen",
    ),
    (C::Prior, "poprzedni*|wcześniejsz*|powyższ*|wszystk*|twoj*|swoj*"),
    (C::Before, "wszystko powyżej|wszystko co powyżej|wszystko, co"),
    (
        C::Reveal,
        "ujawnij|pokaż|pokaz|podaj|wypisz|powtórz|wyświetl|zdradź",
    ),
    (
        C::Prompt,
        "prompt systemow*|promptu systemow*|instrukcje systemow*|systemowy prompt|ukryte instrukcje",
    ),
    (
        C::Persona,
        "jesteś teraz|teraz jesteś|od teraz jesteś|zachowuj się|udawaj|wciel się|włącz|aktywuj",
    ),
    (
        C::Unbound,
        "bez ograniczeń|bez żadnych ograniczeń|bez filtr*|bez cenzury|bez zasad|żadnych ograniczeń|żadnych zasad|nie masz ograniczeń",
    ),
    (C::You, "ty|twój|twoje|jesteś|masz"),
    (C::Comply, "odpowiadaj|odpowiedz|wykonuj|wykonaj|słuchaj"),
    (
        C::Whatever,
        "każde polecenie|każdą prośbę|wszystkie prośby|każde pytanie",
    ),
    (
        C::Secrets,
        "hasł*|klucz* api|dane klientów|listę klientów|bazę danych|dane poufne|poufne dane",
    ),
    (C::Send, "wyślij|prześlij|przekaż"),
    (C::Outside, "zewnętrzn*|na adres"),
    // Russian.
    (
        C::Drop,
        "игнорируй*|проигнорируй*|игнорировать|забудь|забудьте|отбрось*|не обращай внимания|не следуй|обойди|нарушь",
    ),
    (
        C::Rules,
        "инструкци*|правил*|указани*|ограничени*|директив*|предписани*",
    ),
    (
        C::Prior,
        "предыдущ*|прежн*|выше|вышеуказанн*|все|всех|свои|твои|ваши|исходн*",
    ),
    (
        C::Before,
        "все, что выше|всё, что выше|все вышесказанное|все, что было|всё, что было|все что выше",
    ),
    (
        C::Reveal,
        "покажи*|раскрой*|выведи*|напечатай*|повтори*|скажи*|выдай*|сообщи*|перечисли*|открой*",
    ),
    (
        C::Prompt,
        "системный промпт|системного промпта|системные инструкции|системная подсказка|системную подсказку|скрытые инструкции|внутренние инструкции|начальные инструкции|системное сообщение",
    ),
    (
        C::Persona,
        "ты теперь|теперь ты|вы теперь|отныне ты|веди себя как|действуй как|притворись|представь, что ты|представь что ты|сыграй роль|включи|активируй|перейди в",
    ),
    (
        C::Mode,
        "режим разработчика|режим бога|режим администратора|режим отладки",
    ),
    (
        C::Unbound,
        "без ограничений|без каких-либо ограничений|без цензуры|без фильтров|без правил|нет ограничений|нет правил|никаких ограничений|никаких правил",
    ),
    (C::You, "ты|тебя|тебе|твой|твои|вы|вас|ваш"),
    (C::Comply, "отвечай|ответь|выполняй|выполни|подчиняйся|следуй"),
    (
        C::Whatever,
        "любой запрос|любые запросы|все запросы|на любой вопрос|на все вопросы|любую команду",
    ),
    (
        C::Secrets,
        "парол*|ключи api|api-ключ*|данные клиентов|список клиентов|базу данных|конфиденциальн*|секретн*|персональные данные",
    ),
    (C::Send, "отправь*|перешли*|вышли*|передай*|отправить"),
    (C::Outside, "внешн*|на адрес|на этот адрес"),
    (
        C::NewRules,
        "новые инструкции|новые правила|новая инструкция|обновление системы",
    ),
    // Turkish.
    (C::Drop, "görmezden gel*|yok say|yoksay*|unut|unutun|dikkate alma"),
    (C::Rules, "talimat*|kural*|yönerge*|kısıtlama*"),
    (C::Prior, "önceki|yukarıdaki|tüm|bütün|daha önceki|verilen"),
    (C::Reveal, "göster|açıkla|yazdır|söyle|tekrarla|ifşa et"),
    (
        C::Prompt,
        "sistem istemi*|sistem prompt*|sistem talimat*|gizli talimat*|sistem mesaj*",
    ),
    (
        C::Persona,
        "artık sen|sen artık|gibi davran|rolünü oyna|şimdi sen",
    ),
    (
        C::Unbound,
        "kısıtlama olmadan|filtresiz|sansürsüz|kuralsız|kısıtlaman yok|kuralın yok",
    ),
    // Chinese.
    (
        C::Drop,
        "忽略|无视|忘记|忘掉|不要理会|不要遵守|绕过|覆盖|違反|忽視",
    ),
    (C::Rules, "指令|指示|规则|規則|限制|提示词|提示|说明|指南"),
    (C::Prior, "之前|以前|先前|上面|以上|所有|全部|前面|你的"),
    (
        C::Reveal,
        "显示|顯示|透露|泄露|告诉我|告訴我|输出|輸出|打印|重复|重複|公开|给我看",
    ),
    (C::Prompt, "系统提示|系統提示|系统指令|初始指令|隐藏指令|内部指令"),
    (
        C::Persona,
        "你现在是|你現在是|从现在开始你|从现在起你|扮演|假装|假裝|进入|启用|模拟",
    ),
    (C::Mode, "开发者模式|開發者模式|上帝模式|越狱"),
    (
        C::Unbound,
        "没有限制|沒有限制|不受限制|沒有任何限制|没有任何限制|不受任何限制|无审查|没有规则|没有过滤",
    ),
    (C::You, "你|您"),
    (C::Comply, "回答|服从|执行|遵守"),
    (C::Whatever, "任何问题|所有问题|任何请求|所有请求|任何要求"),
    (C::Secrets, "密码|密钥|客户数据|客户名单|用户数据|数据库|机密"),
    (C::Send, "发送|转发|發送|寄到|上传"),
    (C::Outside, "外部|到以下地址"),
    // Japanese.
    (C::Drop, "無視|忘れ|従わない|破棄|上書き"),
    (C::Rules, "指示|命令|ルール|規則|制限|ガイドライン|プロンプト"),
    (
        C::Prior,
        "これまで|以前|前の|上記|すべて|全ての|全て|今まで|あなたの",
    ),
    (C::Reveal, "表示|見せ|教え|出力|明らかに|開示|公開|繰り返"),
    (
        C::Prompt,
        "システムプロンプト|システム指示|初期指示|内部指示|隠された指示",
    ),
    (
        C::Persona,
        "あなたは今|今からあなたは|になりきっ|ふりをし|として振る舞|として行動",
    ),
    (C::Mode, "開発者モード|脱獄"),
    (
        C::Unbound,
        "制限なし|制限なく|制限はありません|制限のない|フィルターなし|検閲なし",
    ),
    (C::You, "あなた|お前"),
    // Korean.
    (C::Drop, "무시|잊어|잊고|따르지"),
    (C::Rules, "지시|명령|규칙|지침|제한|프롬프트"),
    (C::Prior, "이전|위의|앞의|모든|기존|지금까지"),
    (C::Reveal, "보여|알려|공개|출력|말해|드러내"),
    (
        C::Prompt,
        "시스템 프롬프트|시스템프롬프트|시스템 지시|숨겨진 지시|내부 지침",
    ),
    (
        C::Persona,
        "너는 이제|이제 너는|당신은 이제|이제부터 당신|인 척|처럼 행동|역할을",
    ),
    (C::Mode, "개발자 모드|탈옥"),
    (C::Unbound, "제한 없이|제한없이|제한이 없|필터 없이|검열 없이"),
    (C::You, "너는|너의|당신"),
];
