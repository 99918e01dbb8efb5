"""Names of people, subjects and classes: with accents, apostrophes, ampersands, emoji and two languages."""

from __future__ import annotations

#: Names that have broken somebody's integration; the first people of a school get them.
NOTABLE_PEOPLE = (
    ("Gonzalo", "González Pérez"),
    ("Yerko", "Orellana Ñancucheo"),
    ("Ryan", "O'Higgins D'Angelo"),
    ("Zoé 🎒", "Ñandú 🚀"),
    ("Vicente", "Neg & Rita"),
    ("Tom &amp; Jerry", "Literal"),
    ("Łukasz", "Żółć"),
    ("明", "王"),
)

FIRST_NAMES = (
    "Ana", "Benjamín", "Camila", "Diego", "Elena", "Florencia", "Gabriel", "Helena", "Ignacio", "Josefa", "Karina",
    "Lucía", "Martín", "Nicolás", "Óscar", "Paz", "Renata", "Sofía", "Tomás", "Úrsula", "Valentina", "Ximena",
)  # fmt: skip

LAST_NAMES = (
    "Araya", "Contreras", "Díaz", "Güell", "Ibáñez", "Leiva", "Martínez", "Muñoz", "Núñez", "Orellana", "Peña",
    "Quilodrán", "Rojas", "Sepúlveda", "Silva", "Soto", "Vergara", "Zúñiga",
)  # fmt: skip

#: Each with the short form that begins the course's short name.
SUBJECTS = (
    ("Matemática", "MAT"),
    ("Lenguaje y Comunicación", "LEN"),
    (
        '<span lang="es" class="multilang">Historia y Geografía</span>'
        '<span lang="en" class="multilang">History and Geography</span>',
        "HIS",
    ),
    ("Ciencias Naturales", "CIE"),
    ("Inglés", "ING"),
    ("Artes Visuales", "ART"),
    ("Educación Física & Salud ⚽ «élite»", "EFI"),
    ("Física", "FIS"),
    ("Química", "QUI"),
    ("Filosofía", "FIL"),
    ("Biología", "BIO"),
    ("Música", "MUS"),
)

CLASSES = ("7A", "7B", "8A", "8B", "1M", "2M", "3M", "4M")
