// Everything the element says, by language. `{n}` is a number. A title and a hint each, where a state has both.

/** A site may add its own (`texts.it = { … }`) before the element is shown; what is missing is said in English. */
export const texts = {
  en: {
    qr_label: 'QR code to log in with. Scan it with the app on your phone.',
    link: 'Open the app on this device',
    push: 'Send to my phone',
    push_hint: 'Not available yet. Use the code instead.',
    number: 'The number is {n}',
    second: '1 second left',
    seconds: '{n} seconds left',
    cancel: 'Cancel',
    retry: 'Try again',
    connecting: ['One moment', 'Getting a code for you.'],
    reconnecting: ['Connection lost', 'Trying to reach the login service again.'],
    pending: ['Scan to log in', 'Open the app on your phone and scan this code.'],
    'pending.mobile': ['Log in with the app', 'Or scan this code with another phone.'],
    claimed: ['Continue on your phone', 'Look at what the app shows, then confirm or refuse there.'],
    'claimed.number': ['Continue on your phone', 'Type this number on your phone.'],
    approved: ['Approved', 'You confirmed on your phone.'],
    refused: ['Refused', 'The login was refused on the phone.'],
    'refused.not_me': ['Refused', 'The phone said: this was not me. Nobody has been logged in.'],
    'refused.account_blocked': ['Refused', 'This account is blocked.'],
    'refused.account_deleted': ['Refused', 'This account does not exist any more.'],
    cancelled: ['Cancelled', 'Nobody has been logged in.'],
    expired: ['Too late', 'The code has expired.'],
    ended: ['Logged out', 'This login has ended.'],
    'ended.phone': ['Logged out', 'You logged out on your phone.'],
    'ended.lifetime': ['Logged out', 'This login has reached its end.'],
    'ended.account_blocked': ['Logged out', 'This account has been blocked.'],
    'ended.account_deleted': ['Logged out', 'This account has been deleted.'],
    error: ['That did not work', 'The login could not be shown.'],
    'error.bad_page_token': ['That did not work', 'This login is not known any more.'],
    'error.bad_origin': ['That did not work', 'This site is not allowed to show logins here.'],
    'error.bad_page_url': ['That did not work', 'The address of the login service is wrong.'],
  },
  de: {
    qr_label: 'QR-Code zum Anmelden. Scannen Sie ihn mit der App auf Ihrem Telefon.',
    link: 'App auf diesem Gerät öffnen',
    push: 'An mein Telefon senden',
    push_hint: 'Noch nicht verfügbar. Nehmen Sie stattdessen den Code.',
    number: 'Die Zahl ist {n}',
    second: 'Noch 1 Sekunde',
    seconds: 'Noch {n} Sekunden',
    cancel: 'Abbrechen',
    retry: 'Noch einmal versuchen',
    connecting: ['Einen Moment', 'Ihr Code wird geholt.'],
    reconnecting: ['Verbindung verloren', 'Der Anmeldedienst wird wieder gesucht.'],
    pending: ['Zum Anmelden scannen', 'Öffnen Sie die App auf Ihrem Telefon und scannen Sie diesen Code.'],
    'pending.mobile': ['Mit der App anmelden', 'Oder scannen Sie diesen Code mit einem anderen Telefon.'],
    claimed: ['Weiter auf Ihrem Telefon', 'Sehen Sie an, was die App zeigt, und bestätigen oder lehnen Sie dort ab.'],
    'claimed.number': ['Weiter auf Ihrem Telefon', 'Tippen Sie diese Zahl auf Ihrem Telefon ein.'],
    approved: ['Bestätigt', 'Sie haben auf Ihrem Telefon bestätigt.'],
    refused: ['Abgelehnt', 'Die Anmeldung wurde auf dem Telefon abgelehnt.'],
    'refused.not_me': ['Abgelehnt', 'Das Telefon sagt: Das war ich nicht. Niemand wurde angemeldet.'],
    'refused.account_blocked': ['Abgelehnt', 'Dieses Konto ist gesperrt.'],
    'refused.account_deleted': ['Abgelehnt', 'Dieses Konto gibt es nicht mehr.'],
    cancelled: ['Abgebrochen', 'Niemand wurde angemeldet.'],
    expired: ['Zu spät', 'Der Code ist abgelaufen.'],
    ended: ['Abgemeldet', 'Diese Anmeldung ist beendet.'],
    'ended.phone': ['Abgemeldet', 'Sie haben sich auf Ihrem Telefon abgemeldet.'],
    'ended.lifetime': ['Abgemeldet', 'Die Zeit dieser Anmeldung ist um.'],
    'ended.account_blocked': ['Abgemeldet', 'Dieses Konto wurde gesperrt.'],
    'ended.account_deleted': ['Abgemeldet', 'Dieses Konto wurde gelöscht.'],
    error: ['Das hat nicht geklappt', 'Die Anmeldung konnte nicht gezeigt werden.'],
    'error.bad_page_token': ['Das hat nicht geklappt', 'Diese Anmeldung ist nicht mehr bekannt.'],
    'error.bad_origin': ['Das hat nicht geklappt', 'Diese Website darf hier keine Anmeldungen zeigen.'],
    'error.bad_page_url': ['Das hat nicht geklappt', 'Die Adresse des Anmeldedienstes ist falsch.'],
  },
  fr: {
    qr_label: 'Code QR de connexion. Scannez-le avec l’application sur votre téléphone.',
    link: 'Ouvrir l’application sur cet appareil',
    push: 'Envoyer à mon téléphone',
    push_hint: 'Pas encore disponible. Utilisez plutôt le code.',
    number: 'Le nombre est {n}',
    second: 'Encore 1 seconde',
    seconds: 'Encore {n} secondes',
    cancel: 'Annuler',
    retry: 'Réessayer',
    connecting: ['Un instant', 'Votre code arrive.'],
    reconnecting: ['Connexion perdue', 'Nouvelle tentative de joindre le service de connexion.'],
    pending: ['Scannez pour vous connecter', 'Ouvrez l’application sur votre téléphone et scannez ce code.'],
    'pending.mobile': ['Connectez-vous avec l’application', 'Ou scannez ce code avec un autre téléphone.'],
    claimed: ['Continuez sur votre téléphone', 'Lisez ce que montre l’application, puis confirmez ou refusez.'],
    'claimed.number': ['Continuez sur votre téléphone', 'Saisissez ce nombre sur votre téléphone.'],
    approved: ['Confirmé', 'Vous avez confirmé sur votre téléphone.'],
    refused: ['Refusé', 'La connexion a été refusée sur le téléphone.'],
    'refused.not_me': ['Refusé', 'Réponse du téléphone\u00a0: ce n’était pas moi. Personne n’a été connecté.'],
    'refused.account_blocked': ['Refusé', 'Ce compte est bloqué.'],
    'refused.account_deleted': ['Refusé', 'Ce compte n’existe plus.'],
    cancelled: ['Annulé', 'Personne n’a été connecté.'],
    expired: ['Trop tard', 'Le code a expiré.'],
    ended: ['Déconnecté', 'Cette connexion est terminée.'],
    'ended.phone': ['Déconnecté', 'Vous vous êtes déconnecté sur votre téléphone.'],
    'ended.lifetime': ['Déconnecté', 'La durée de cette connexion est écoulée.'],
    'ended.account_blocked': ['Déconnecté', 'Ce compte a été bloqué.'],
    'ended.account_deleted': ['Déconnecté', 'Ce compte a été supprimé.'],
    error: ['Cela n’a pas marché', 'La connexion n’a pas pu être affichée.'],
    'error.bad_page_token': ['Cela n’a pas marché', 'Cette connexion n’est plus connue.'],
    'error.bad_origin': ['Cela n’a pas marché', 'Ce site n’a pas le droit d’afficher des connexions ici.'],
    'error.bad_page_url': ['Cela n’a pas marché', 'L’adresse du service de connexion est fausse.'],
  },
  nl: {
    qr_label: 'QR-code om in te loggen. Scan hem met de app op uw telefoon.',
    link: 'App op dit apparaat openen',
    push: 'Naar mijn telefoon sturen',
    push_hint: 'Nog niet beschikbaar. Gebruik in plaats daarvan de code.',
    number: 'Het getal is {n}',
    second: 'Nog 1 seconde',
    seconds: 'Nog {n} seconden',
    cancel: 'Annuleren',
    retry: 'Opnieuw proberen',
    connecting: ['Een ogenblik', 'Uw code wordt opgehaald.'],
    reconnecting: ['Verbinding verbroken', 'De inlogdienst wordt opnieuw gezocht.'],
    pending: ['Scan om in te loggen', 'Open de app op uw telefoon en scan deze code.'],
    'pending.mobile': ['Inloggen met de app', 'Of scan deze code met een andere telefoon.'],
    claimed: ['Ga verder op uw telefoon', 'Bekijk wat de app laat zien en bevestig of weiger daar.'],
    'claimed.number': ['Ga verder op uw telefoon', 'Typ dit getal op uw telefoon.'],
    approved: ['Bevestigd', 'U hebt op uw telefoon bevestigd.'],
    refused: ['Geweigerd', 'Het inloggen is op de telefoon geweigerd.'],
    'refused.not_me': ['Geweigerd', 'De telefoon zei: dit was ik niet. Niemand is ingelogd.'],
    'refused.account_blocked': ['Geweigerd', 'Dit account is geblokkeerd.'],
    'refused.account_deleted': ['Geweigerd', 'Dit account bestaat niet meer.'],
    cancelled: ['Geannuleerd', 'Niemand is ingelogd.'],
    expired: ['Te laat', 'De code is verlopen.'],
    ended: ['Uitgelogd', 'Deze sessie is beëindigd.'],
    'ended.phone': ['Uitgelogd', 'U hebt op uw telefoon uitgelogd.'],
    'ended.lifetime': ['Uitgelogd', 'De tijd van deze sessie is om.'],
    'ended.account_blocked': ['Uitgelogd', 'Dit account is geblokkeerd.'],
    'ended.account_deleted': ['Uitgelogd', 'Dit account is verwijderd.'],
    error: ['Dat is niet gelukt', 'De login kon niet worden getoond.'],
    'error.bad_page_token': ['Dat is niet gelukt', 'Deze login is niet meer bekend.'],
    'error.bad_origin': ['Dat is niet gelukt', 'Deze site mag hier geen logins tonen.'],
    'error.bad_page_url': ['Dat is niet gelukt', 'Het adres van de inlogdienst is onjuist.'],
  },
};

/** The nearest `lang` above a node, through the shadow roots it lies in. */
function written(node) {
  for (let at = node; at; at = at.getRootNode().host) {
    const lang = at.closest('[lang]')?.getAttribute('lang');
    if (lang) return lang;
  }
  return null;
}

/** The language to speak at this node: as it is written there, else as the person's browser prefers, else English. */
export function languageAt(node) {
  for (const tag of [written(node), ...(navigator.languages ?? [])]) {
    const narrow = tag?.toLowerCase();
    for (const known of [narrow, narrow?.split('-')[0]]) if (known && Object.hasOwn(texts, known)) return known;
  }
  return 'en';
}

/** A text, in English where the language lacks it. */
export function say(language, key) {
  return texts[language]?.[key] ?? texts.en[key];
}
