//! The short words of the pages, by page: names of parts, buttons, questions, hints.

use super::Words;

/// One method for each line: its name, the words in English, the same in German. A line that lacks a
/// language does not compile.
macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident: $english:literal, $german:literal;)*) => {
        impl Words {
            $(
                $(#[$doc])*
                pub(crate) const fn $name(self) -> &'static str {
                    self.pick($english, $german)
                }
            )*
        }

        /// Every label, for the tests.
        #[cfg(test)]
        pub(super) const LABELS: &[(&str, &str, &str)] =
            &[$((stringify!($name), $english, $german)),*];
    };
}

labels! {
    // Request page.
    /// The card.
    progress: "Progress", "Fortschritt";
    /// Its stepper.
    stages: "Stages", "Stufen";
    /// Beside a stage that an earlier attempt has done, and whose work was kept.
    done_before: "done before", "schon erledigt";
    /// Before the moment at which the VM was asked for.
    asked_at: "asked at", "angefordert";
    /// The way to the journal.
    history: "History", "Verlauf";
    /// Where the work was interrupted.
    interruptions: "Interruptions", "Unterbrechungen";
    /// The tries of an attempt that failed and were repeated.
    failed_tries: "Failed tries", "Fehlgeschlagene Anläufe";
    /// The attempts before this one.
    earlier_attempts: "Earlier attempts", "Frühere Versuche";
    /// The buttons.
    actions: "Actions", "Aktionen";
    /// Begins another attempt.
    try_again: "Try again", "Erneut versuchen";
    /// Ends this one.
    cancel: "Cancel", "Abbrechen";
    /// What is asked before.
    cancel_question:
        "What was made of the VM so far is removed.",
        "Was von der VM schon angelegt wurde, wird entfernt.";
    /// The answer that does it.
    cancel_yes: "Cancel the request", "Anforderung abbrechen";
    /// The way back from a question, to the page that moves.
    go_on_watching: "Go on watching", "Weiter zusehen";
    /// Removes what could not be undone.
    remove: "Remove what is left", "Rest entfernen";
    /// What is asked before.
    remove_question:
        "The VM that was left behind is deleted.",
        "Die zurückgebliebene VM wird gelöscht.";
    /// The answer that does it.
    remove_yes: "Remove it", "Entfernen";
    /// That it takes longer than usual.
    slow:
        "Provisioning is taking longer than usual...",
        "Die Bereitstellung dauert länger als üblich...";
    /// What to do about it.
    slow_meaning:
        "It goes on by itself; this page will say when it is ready.",
        "Es geht von selbst weiter; diese Seite sagt, wenn die VM bereit ist.";
    /// While it is undone.
    undoing_what_was_made: "Undoing what was made", "Angelegtes wird zurückgenommen";
    /// A step that was undone, and the list of them.
    undone: "Undone", "Zurückgenommen";
    /// A step that could not be.
    not_undone: "Could not be undone", "Konnte nicht zurückgenommen werden";
    /// The button that asks to be told.
    tell_me: "Tell me when it is ready", "Benachrichtigen, wenn bereit";
    /// The same button once that is so.
    will_tell: "You will be told when it ends", "Sie werden am Ende benachrichtigt";
    /// The button that copies.
    copy: "Copy", "Kopieren";
    /// The same once it has.
    copied: "Copied", "Kopiert";
    /// What is copied, to be read behind `Copy` and `Copied`.
    the_address: " the address", ": die Adresse";
    /// What is copied.
    the_ssh_line: " the ssh line", ": die ssh-Zeile";
    /// What is copied.
    the_report: " the report", ": den Bericht";
    /// The story of a failure.
    failure: "Failure", "Fehler";
    /// Said until it is undone.
    being_undone: "What was made is being undone.", "Angelegtes wird gerade zurückgenommen.";
    /// The way to the form.
    change_and_ask_again: "Change and ask again", "Ändern und erneut anfordern";
    /// The way to the report.
    report_for_support: "Report for support", "Bericht für den Support";
    /// The finished VM.
    the_vm: "The VM", "Die VM";
    /// Until its address is known.
    asking_for_its_address: "Asking for its address...", "Die Adresse wird abgefragt...";
    /// After its name there, as a way to it.
    in_vcenter: " in vCenter", " in vCenter";
    /// What its guest is called.
    host_name: "Host name", "Hostname";
    /// What it is called in vCenter.
    what_in_vcenter: "In vCenter", "In vCenter";

    // Chart.
    /// The chart's title.
    timeline: "How long each stage took", "Wie lange jede Stufe dauerte";
    /// A column.
    stage: "Stage", "Stufe";
    /// How long it took.
    took: "Took", "Dauer";
    /// How long it usually takes.
    usually_title: "Usually", "Üblich";
    /// What the bands in the chart are.
    timeline_key:
        "The band is where 8 of 10 other runs ended.",
        "Im markierten Bereich endeten 8 von 10 anderen Durchläufen.";
    /// Where nothing is known of that.
    not_known: "not known yet", "noch nicht bekannt";
    /// The way to the replay.
    watch_again: "Watch it again", "Noch einmal ansehen";

    // Replay.
    /// What is moved.
    film: "Replay", "Aufzeichnung";
    /// The scrubber.
    film_place: "Moment", "Zeitpunkt";
    /// The group of speeds.
    film_speed_title: "Speed", "Tempo";
    /// Lets it run.
    film_play: "Play", "Abspielen";
    /// Stops it.
    film_pause: "Pause", "Anhalten";
    /// One event back.
    film_back: "Previous event", "Zurück";
    /// One event on.
    film_on: "Next event", "Weiter";
    /// What the page is for.
    film_meaning:
        "This provisioning as it went, event by event, with what was told of the time left at each.",
        "Diese Bereitstellung, wie sie ablief, Ereignis für Ereignis, mit der jeweils genannten Restzeit.";
    /// The list of events.
    events: "Events", "Ereignisse";

    // List.
    /// The list.
    requests: "Requests", "Anforderungen";
    /// The way to the form.
    new_request: "New request", "Neue Anforderung";
    /// The same beside other ways, where there is little room.
    new_request_briefly: "New request", "Neu";
    /// An empty list that is filtered.
    no_request_like_that: "No requests match.", "Keine Anforderung passt dazu.";
    /// The numbers of the list.
    how_many: "How many there are", "Wie viele es gibt";
    /// Whatever it is.
    all: "All", "Alle";
    /// Loads the page again.
    refresh: "Refresh", "Neu laden";
    /// The ways to other parts of the list.
    pages: "Pages", "Seiten";
    /// The first part.
    newest: "Newest", "Neueste";
    /// The next part.
    older: "Older", "Ältere";
    /// While more is loaded.
    loading: "Loading...", "Wird geladen...";
    /// Loads more.
    show_more: "Show more", "Mehr anzeigen";
    /// An empty list.
    welcome: "Nothing asked for yet", "Noch nichts angefordert";
    /// What to do about it.
    welcome_meaning:
        "Ask for a virtual machine and watch every stage of it being built, as it happens.",
        "Fordern Sie eine virtuelle Maschine an, und sehen Sie live zu, wie sie Stufe für Stufe entsteht.";
    /// The way to the form.
    ask_for_the_first: "Ask for the first one", "Die erste anfordern";
    /// A field of the filter.
    filter_status: "Status", "Status";
    /// A field of the filter.
    asked_by: "Asked by", "Angefordert von";
    /// Shows what was chosen.
    show: "Show", "Anzeigen";
    /// Shows everything again.
    show_all: "Show all", "Alle anzeigen";

    // Form.
    /// A field.
    name: "Name", "Name";
    /// A field.
    template: "Template", "Vorlage";
    /// A field.
    cpus_title: "CPUs", "CPUs";
    /// A field.
    memory_in_mib: "Memory in MiB", "Speicher in MiB";
    /// A field, and all about it.
    network: "Network", "Netzwerk";
    /// A field.
    fixed_address: "Fixed address", "Feste Adresse";
    /// A field.
    gateway: "Gateway", "Gateway";
    /// What belongs to no field.
    request: "Request", "Anforderung";
    /// What may be typed.
    name_hint:
        "1 to 63 of a-z, 0-9 and -, no hyphen at an end. The guest's host name is the same.",
        "1 bis 63 Zeichen aus a-z, 0-9 und -, kein Bindestrich am Rand. So heißt auch das Gastsystem.";
    /// What there is when nothing is typed.
    network_hint:
        "the template's, with DHCP, unless you say more",
        "das der Vorlage, mit DHCP, wenn Sie nichts angeben";
    /// What may be typed.
    network_name_hint:
        "A network of vCenter; empty for the template's.",
        "Ein Netzwerk aus vCenter; leer für das der Vorlage.";
    /// What may be typed.
    fixed_address_hint: "For example 10.20.30.40/24; empty for DHCP.", "Zum Beispiel 10.20.30.40/24; leer für DHCP.";
    /// What may be typed.
    gateway_hint:
        "For example 10.20.30.1; only with a fixed address.",
        "Zum Beispiel 10.20.30.1; nur mit fester Adresse.";
    /// While it is sent.
    asking: "Asking...", "Wird angefordert...";
    /// Sends it.
    ask_for_it: "Ask for it", "Anfordern";
    /// The way out.
    back_to_the_list: "Back to the list", "Zurück zur Liste";
    /// vCenter shows none.
    no_templates:
        "vCenter has no templates that can be seen.",
        "vCenter hat keine sichtbaren Vorlagen.";
    /// A template that is not offered.
    not_among_templates: "not among vCenter's templates", "nicht unter den Vorlagen von vCenter";

    // Frame and problems.
    /// The first link of a page.
    skip_to_content: "Skip to content", "Zum Inhalt springen";
    /// The ways to other pages.
    main_ways: "Main", "Hauptmenü";
    /// The page about all requests.
    insights: "Insights", "Einblicke";
    /// The way to the list.
    all_requests: "All requests", "Alle Anforderungen";
    /// There is no such page.
    page_not_found: "Page not found", "Seite nicht gefunden";
    /// What it means.
    nothing_here:
        "There is nothing at this address. It may have been mistyped.",
        "Unter dieser Adresse gibt es nichts. Vielleicht ein Tippfehler.";
    /// There is no such thing.
    not_found: "Not found", "Nicht gefunden";
    /// It cannot be had just now.
    not_available: "Not available just now", "Gerade nicht verfügbar";
    /// What is asked for is none.
    cannot_be_shown: "This cannot be shown", "Das kann nicht angezeigt werden";
    /// The server handed nothing in.
    not_loaded:
        "This page could not be loaded. Load it again.",
        "Diese Seite konnte nicht geladen werden. Laden Sie sie neu.";
    /// A fault of ours.
    something_went_wrong: "Something went wrong", "Etwas ist schiefgegangen";

    // History.
    /// What the page is for.
    history_meaning:
        "Everything that was recorded of this request, in order.",
        "Alles, was zu dieser Anforderung aufgezeichnet wurde, der Reihe nach.";
    /// A column.
    event: "Event", "Ereignis";
    /// A column.
    time: "Time", "Zeit";
    /// A column.
    what_happened_title: "What happened", "Was geschah";
    /// A column.
    details: "Details", "Einzelheiten";

    // Insights.
    /// Before the moment.
    insights_as_of:
        "What finished requests say, as of ",
        "Was abgeschlossene Anforderungen zeigen, Stand ";
    /// There is nothing to tell.
    nothing_finished:
        "Nothing has finished yet. Once something has, it is told here how long it took.",
        "Noch ist nichts abgeschlossen. Sobald etwas fertig ist, steht hier, wie lange es gedauert hat.";
    /// A part of it.
    are_estimates_true: "Are the estimates true?", "Stimmen die Schätzungen?";
    /// What is compared, before of how many.
    told_beside_took:
        "What was told when a stage was entered, beside how long it then took: ",
        "Was zu Beginn einer Stufe genannt wurde, neben ihrer tatsächlichen Dauer: ";
    /// A figure.
    range_held_title: "The range held", "Die Spanne stimmte";
    /// A figure.
    middle_off: "The middle was off by", "Die Mitte lag daneben um";
    /// A figure.
    average_off: "A plain average was off by", "Ein einfacher Durchschnitt lag daneben um";
    /// How often the range should hold.
    should_hold: "it should be about 80 %", "es sollten etwa 80 % sein";
    /// A part of it.
    stage_times: "How long each stage takes", "Wie lange jede Stufe dauert";
    /// A column.
    eight_of_ten: "8 of 10 take", "8 von 10 brauchen";
    /// A column.
    over_time_title: "Over time", "Im Lauf der Zeit";
    /// A part of it.
    why_failed: "Why requests failed", "Warum Anforderungen fehlschlugen";
    /// There is nothing to tell.
    none_failed:
        "None of the last requests has failed.",
        "Keine der letzten Anforderungen ist fehlgeschlagen.";
    /// A column.
    reason: "Reason", "Grund";
}
