"""The names of General MIDI: programs, their families, percussion. Data and look-ups; knows nothing of tracks."""

from erato.errors import unknown

# General MIDI 1, programs 0 to 127.
_PROGRAMS = """
    Acoustic Grand Piano, Bright Acoustic Piano, Electric Grand Piano, Honky-tonk Piano,
    Electric Piano 1, Electric Piano 2, Harpsichord, Clavinet, Celesta, Glockenspiel, Music Box,
    Vibraphone, Marimba, Xylophone, Tubular Bells, Dulcimer, Drawbar Organ, Percussive Organ,
    Rock Organ, Church Organ, Reed Organ, Accordion, Harmonica, Bandoneon, Nylon Guitar, Steel Guitar,
    Jazz Guitar, Clean Guitar, Muted Guitar, Overdriven Guitar, Distortion Guitar, Guitar Harmonics,
    Acoustic Bass, Fingered Bass, Picked Bass, Fretless Bass, Slap Bass 1, Slap Bass 2, Synth Bass 1,
    Synth Bass 2, Violin, Viola, Cello, Contrabass, Tremolo Strings, Pizzicato Strings, Harp, Timpani,
    String Ensemble 1, String Ensemble 2, Synth Strings 1, Synth Strings 2, Choir Aahs, Voice Oohs,
    Synth Voice, Orchestra Hit, Trumpet, Trombone, Tuba, Muted Trumpet, French Horn, Brass Section,
    Synth Brass 1, Synth Brass 2, Soprano Sax, Alto Sax, Tenor Sax, Baritone Sax, Oboe, English Horn,
    Bassoon, Clarinet, Piccolo, Flute, Recorder, Pan Flute, Blown Bottle, Shakuhachi, Whistle, Ocarina,
    Square Lead, Sawtooth Lead, Calliope Lead, Chiff Lead, Charang Lead, Voice Lead, Fifths Lead,
    Bass and Lead, New Age Pad, Warm Pad, Polysynth Pad, Choir Pad, Bowed Pad, Metallic Pad, Halo Pad,
    Sweep Pad, Rain, Soundtrack, Crystal, Atmosphere, Brightness, Goblins, Echoes, Sci-fi, Sitar, Banjo,
    Shamisen, Koto, Kalimba, Bagpipe, Fiddle, Shanai, Tinkle Bell, Agogo, Steel Drums, Woodblock,
    Taiko Drum, Melodic Tom, Synth Drum, Reverse Cymbal, Guitar Fret Noise, Breath Noise, Seashore,
    Bird Tweet, Telephone Ring, Helicopter, Applause, Gunshot
"""
PROGRAMS = tuple(name.strip() for name in _PROGRAMS.split(","))
FAMILIES = (  # eight programs each
    "Piano", "Chromatic Percussion", "Organ", "Guitar", "Bass", "Strings", "Ensemble", "Brass",
    "Reed", "Pipe", "Synth Lead", "Synth Pad", "Synth Effects", "Ethnic", "Percussive", "Sound Effects",
)  # fmt: skip

# General MIDI percussion, by key.
DRUMS = {
    35: "Bass Drum 2", 36: "Bass Drum", 37: "Side Stick", 38: "Snare", 39: "Hand Clap",
    40: "Electric Snare", 41: "Low Floor Tom", 42: "Closed Hi-hat", 43: "High Floor Tom",
    44: "Pedal Hi-hat", 45: "Low Tom", 46: "Open Hi-hat", 47: "Low-mid Tom", 48: "High-mid Tom",
    49: "Crash 1", 50: "High Tom", 51: "Ride 1", 52: "China", 53: "Ride Bell", 54: "Tambourine",
    55: "Splash", 56: "Cowbell", 57: "Crash 2", 58: "Vibraslap", 59: "Ride 2", 60: "High Bongo",
    61: "Low Bongo", 62: "Mute Conga", 63: "High Conga", 64: "Low Conga", 65: "High Timbale",
    66: "Low Timbale", 67: "High Agogo", 68: "Low Agogo", 69: "Cabasa", 70: "Maracas",
    71: "Short Whistle", 72: "Long Whistle", 73: "Short Guiro", 74: "Long Guiro", 75: "Claves",
    76: "High Woodblock", 77: "Low Woodblock", 78: "Mute Cuica", 79: "Open Cuica", 80: "Mute Triangle",
    81: "Open Triangle",
}  # fmt: skip


def drum_name(pitch: int) -> str:
    """What General MIDI strikes at percussion key `pitch`."""
    return DRUMS.get(pitch, f"Drum {pitch}")


def program_number(name: str) -> int:
    """The program (0 to 127) of a number or a name, as in "40" or "violin"; UsageError for one that there is not."""
    if name.strip().isdecimal() and int(name) < len(PROGRAMS):
        return int(name)
    known = {program.casefold(): number for number, program in enumerate(PROGRAMS)}
    wanted = name.strip().casefold()
    if wanted not in known:
        raise unknown("General MIDI program (0 to 127, or a name)", name, PROGRAMS)
    return known[wanted]


def instrument_name(program: int, is_drum: bool = False) -> str:
    """What General MIDI calls `program` (0 to 127)."""
    if is_drum:
        return "Drums"
    return PROGRAMS[program] if 0 <= program < len(PROGRAMS) else f"Program {program}"
