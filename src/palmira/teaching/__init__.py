"""The journal-club kit: questions, quiz, appraisal, explorers."""
