//! What our own work with vCenter says: what is waited for, and why something failed.
//!
//! The page's program has all of them, since they come while a person waits. A test finds a sentence of
//! the server's that is missing here.

/// Sentences and their parts, as in the table beside this one.
pub(super) const KNOWN: &[(&str, &str)] = &[
    // What a task does.
    ("waiting for its turn in vCenter", "wartet in vCenter, bis es an der Reihe ist"),
    ("copying the template's disks", "kopiert die Platten der Vorlage"),
    ("setting CPUs and memory", "stellt CPUs und Speicher ein"),
    ("preparing the guest", "bereitet das Gastsystem vor"),
    ("powering on", "schaltet ein"),
    ("powering off", "schaltet aus"),
    ("removing the VM", "löscht die VM"),
    (
        "from {} again: the VM was removed from vCenter",
        "noch einmal aus {}: die VM wurde aus vCenter gelöscht",
    ),
    ("from {}", "aus {}"),
    (
        "{}; guest left as it is, without the fixed address",
        "{}; Gastsystem bleibt, wie es ist, ohne die feste Adresse",
    ),
    ("{}; guest left as it is", "{}; Gastsystem bleibt, wie es ist"),
    // What is seen of a guest.
    ("the VM is powered off", "die VM ist ausgeschaltet"),
    ("Tools running", "Tools laufen"),
    ("Tools not running", "Tools laufen nicht"),
    ("no NIC reported", "keine Netzwerkkarte gemeldet"),
    ("NIC connected", "Netzwerkkarte verbunden"),
    ("NIC not connected", "Netzwerkkarte nicht verbunden"),
    ("no address seen", "keine Adresse zu sehen"),
    ("which is link-local", "die nur lokal gilt"),
    ("only {} seen", "nur {} zu sehen"),
    ("only {}", "nur {}"),
    ("{} seen", "{} zu sehen"),
    ("{} was asked for", "{} war gewünscht"),
    ("{} seen, making sure that it stays", "{} zu sehen, prüft, ob sie bleibt"),
    ("no usable address within {}: {}", "keine brauchbare Adresse innerhalb von {}: {}"),
    // Why something failed.
    (
        "the clone ended, and its VM is not to be seen",
        "das Klonen ist beendet, und die VM ist nicht zu sehen",
    ),
    (
        "a clone under this name seems to be running already ({})",
        "ein Klonen unter diesem Namen scheint schon zu laufen ({})",
    ),
    (
        "a VM named \"{}\" is being made, and vCenter does not say yet by whom",
        "eine VM namens „{}“ entsteht gerade, und vCenter sagt noch nicht, durch wen",
    ),
    (
        "another VM named \"{}\" is in the folder already",
        "eine andere VM namens „{}“ liegt schon im Ordner",
    ),
    (
        "VM \"{}\" has the instance UUID of this request, but not its mark",
        "VM „{}“ hat die Instanz-UUID dieser Anforderung, aber nicht ihr Kennzeichen",
    ),
    (
        "vCenter does not know its own task any more",
        "vCenter kennt seine eigene Aufgabe nicht mehr",
    ),
    (
        "the VM was removed from vCenter while it was worked on",
        "die VM wurde aus vCenter gelöscht, während an ihr gearbeitet wurde",
    ),
    (
        "the VM was removed from vCenter {} times while it was made",
        "die VM wurde {} Mal aus vCenter gelöscht, während sie entstand",
    ),
    ("{} did not end within {}", "{} endete nicht innerhalb von {}"),
    ("the clone", "das Klonen"),
    ("the reconfiguration", "die Konfiguration"),
    ("the guest customisation", "die Anpassung des Gastsystems"),
    ("the power-on", "das Einschalten"),
    ("the power-off", "das Ausschalten"),
    ("the removal", "das Löschen"),
    ("template \"{}\" does not exist", "Vorlage „{}“ gibt es nicht"),
    ("delete VM: {}", "VM löschen: {}"),
    (
        "this request belongs to another vCenter than the one this server works with now; it goes on when \
         the server is started with that vCenter again",
        "diese Anforderung gehört zu einem anderen vCenter als dem, mit dem dieser Server jetzt arbeitet; \
         sie geht weiter, wenn der Server wieder mit jenem vCenter gestartet wird",
    ),
    // Why vCenter is away.
    ("vCenter is not answering ({}): {}", "vCenter antwortet nicht ({}): {}"),
    ("vCenter is not answering {}", "vCenter antwortet nicht {}"),
    ("no answer within {} s", "keine Antwort innerhalb von {} s"),
    ("no answer from {} in time", "keine rechtzeitige Antwort von {}"),
    ("{} refuses connections", "{} nimmt keine Verbindungen an"),
    ("{} cannot be reached", "{} ist nicht zu erreichen"),
    ("no connection to {}: {}", "keine Verbindung zu {}: {}"),
    ("no secure connection to {}: {}", "keine sichere Verbindung zu {}: {}"),
    (
        "the connection to {} broke before the answer came",
        "die Verbindung zu {} brach ab, bevor die Antwort kam",
    ),
    (
        "{} is for another name: use the name it was made for in VSPHERE_URL",
        "{} gilt für einen anderen Namen: in VSPHERE_URL gehört der Name, für den es \
         ausgestellt ist",
    ),
    (
        "{} has expired: renew it in vCenter, or check this server's clock",
        "{} ist abgelaufen: erneuern Sie es in vCenter, oder prüfen Sie die Uhr dieses \
         Servers",
    ),
    (
        "{} is not valid yet: check this server's clock",
        "{} gilt noch nicht: prüfen Sie die Uhr dieses Servers",
    ),
    (
        "{} is not trusted ({}): {} a PEM file with the certificate of the authority \
         that signed it",
        "{} ist nicht vertrauenswürdig ({}): {} eine PEM-Datei mit dem Zertifikat der Stelle \
         sein, die es unterschrieben hat",
    ),
    ("the certificate of {}", "das Zertifikat von {}"),
    ("VSPHERE_CA_FILE ({}) must be", "VSPHERE_CA_FILE ({}) muss"),
    ("set VSPHERE_CA_FILE to", "VSPHERE_CA_FILE muss"),
    ("the answer is larger than {} MiB", "die Antwort ist größer als {} MiB"),
    ("the answer is not text in UTF-8", "die Antwort ist kein Text in UTF-8"),
    ("the answer ({}) lacks what it must have", "in der Antwort ({}) fehlt, was sie haben muss"),
    ("{} does not answer as a vCenter does", "{} antwortet nicht wie ein vCenter"),
    ("{} answered {}", "{} antwortete {}"),
    (
        "vCenter forgot the session right after the login",
        "vCenter hat die Sitzung gleich nach der Anmeldung vergessen",
    ),
    ("vCenter gave no session cookie", "vCenter gab kein Sitzungs-Cookie"),
    ("the connection was refused", "die Verbindung wurde abgelehnt"),
    (
        "the connection was closed before the reply came",
        "die Verbindung wurde geschlossen, bevor die Antwort kam",
    ),
];

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::super::Words;

    const DE: Words = Words::GERMAN;

    #[test]
    fn what_a_guest_lacks_is_told_part_by_part() {
        for (said, german) in [
            (
                "Tools running, NIC connected, only fe80::1 seen, which is link-local",
                "Tools laufen, Netzwerkkarte verbunden, nur fe80::1 zu sehen, die nur lokal gilt",
            ),
            (
                "Tools not running, no NIC reported, only fe80::1, fe80::2 seen; 10.0.0.7 was asked for",
                "Tools laufen nicht, keine Netzwerkkarte gemeldet, nur fe80::1, fe80::2 zu sehen; \
                 10.0.0.7 war gewünscht",
            ),
            (
                "no usable address within 5m: the VM is powered off, 10.0.0.7 was asked for, \
                 Tools not running, NIC connected, no address seen",
                "keine brauchbare Adresse innerhalb von 5m: die VM ist ausgeschaltet, 10.0.0.7 war \
                 gewünscht, Tools laufen nicht, Netzwerkkarte verbunden, keine Adresse zu sehen",
            ),
            ("10.0.0.7 seen, making sure that it stays", "10.0.0.7 zu sehen, prüft, ob sie bleibt"),
            ("the clone did not end within 30m", "das Klonen endete nicht innerhalb von 30m"),
            (
                "vCenter is not answering (CloneVM_Task): vc:443 refuses connections",
                "vCenter antwortet nicht (CloneVM_Task): vc:443 nimmt keine Verbindungen an",
            ),
            (
                "the certificate of vc:443 has expired: renew it in vCenter, or check this server's clock",
                "das Zertifikat von vc:443 ist abgelaufen: erneuern Sie es in vCenter, oder prüfen Sie \
                 die Uhr dieses Servers",
            ),
            (
                "delete VM: Permission to perform this operation was denied.",
                "VM löschen: Permission to perform this operation was denied.",
            ),
            (
                "2 CPUs, 4096 MiB; guest left as it is",
                "2 CPUs, 4096 MiB; Gastsystem bleibt, wie es ist",
            ),
        ] {
            assert_eq!(DE.told(said), german);
        }
        let of_vcenter = "The host is out of memory, and no address seen will help.";
        assert_eq!(DE.told(of_vcenter), of_vcenter);
    }

    /// What speaks to a person from within the work with vCenter.
    const SPEAKING: [&str; 11] = [
        "adapter/clone.rs",
        "adapter/configure.rs",
        "adapter/failure.rs",
        "adapter/find.rs",
        "adapter/network.rs",
        "adapter/remove.rs",
        "adapter/run.rs",
        "adapter/wait.rs",
        "soap/explain.rs",
        "soap/session.rs",
        "soap/transport.rs",
    ];

    /// What is written into vCenter, or stops the server at its start, and is not for a page.
    const NOT_FOR_PAGES: [&str; 4] = [
        "Made by Stagewatch for request 7",
        "no TLS provider was installed at start",
        "no system certificates to check vCenter's against (7): set VSPHERE_CA_FILE",
        "there is no certificate in PEM form in it",
    ];

    #[test]
    fn every_sentence_of_our_work_with_vcenter_has_german() {
        let place =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/src/infrastructure/vsphere");
        let (mut seen, mut missing) = (0, Vec::new());
        for file in SPEAKING {
            let text = fs::read_to_string(place.join(file)).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            for sentence in sentences(text) {
                seen += 1;
                if DE.told(&sentence) == sentence && !NOT_FOR_PAGES.contains(&sentence.as_str()) {
                    missing.push(format!("{file}: {sentence}"));
                }
            }
        }
        assert!(seen > 40, "only {seen} sentences were read");
        assert_eq!(missing, [""; 0], "these belong into words/told/of_vcenter.rs");
    }

    /// The literals that are read by a person, with something at each place of what changes.
    fn sentences(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let is_code = |line: &&str| {
            let line = line.trim_start();
            !line.starts_with("//") && !line.contains("reason = \"") && !is_logged(line)
        };
        let code: Vec<_> = text.lines().filter(is_code).collect();
        let code = code.join("\n").replace("\\\"", "\u{1}");
        for literal in code.split('"').skip(1).step_by(2) {
            let lines: Vec<_> = literal.split("\\\n").map(str::trim_start).collect();
            let literal = lines.concat().replace('\u{1}', "\"");
            let mut sentence = String::new();
            let mut is_inside = false;
            for letter in literal.chars() {
                match letter {
                    '{' => is_inside = true,
                    '}' => {
                        is_inside = false;
                        sentence.push('7');
                    }
                    letter if !is_inside => sentence.push(letter),
                    _ => {}
                }
            }
            // Parts of sentences are put together with commas.
            let sentence = sentence.trim_end_matches(", ").trim_start_matches(", ");
            let is_word =
                |word: &&str| word.len() > 1 && word.chars().all(|c| c.is_alphabetic() || c == '-');
            if sentence.split(' ').filter(is_word).count() > 1 {
                found.push(sentence.to_owned());
            }
        }
        found
    }

    /// Whether a line is for the log.
    fn is_logged(line: &str) -> bool {
        ["tracing::", "debug!(", "info!(", "warn!(", "error!("].iter().any(|log| line.contains(log))
    }

    #[test]
    fn the_search_for_sentences_finds_them() {
        let code =
            "// \"not this one\"\nlet a = format!(\"{what} did \\\n    not end\", x);\n\"word\"";
        assert_eq!(sentences(code), ["7 did not end"]);
    }
}
