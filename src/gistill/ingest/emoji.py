"""Emoji by the names chats give them: the ones people answer with; others stay names."""

from __future__ import annotations

import re

_CODE = re.compile(r":([a-z0-9_+'-]{1,40}):(?::skin-tone-[2-6]:)?")
_NAMES = """
+1 👍 thumbsup 👍 -1 👎 thumbsdown 👎 ok_hand 👌 wave 👋 clap 👏 pray 🙏 raised_hands 🙌
muscle 💪 point_up ☝️ point_right 👉 point_left 👈 point_down 👇 v ✌️ crossed_fingers 🤞
handshake 🤝 eyes 👀 smile 😄 smiley 😃 grinning 😀 slightly_smiling_face 🙂 simple_smile 🙂
wink 😉 blush 😊 grin 😁 joy 😂 rolling_on_the_floor_laughing 🤣 laughing 😆 sweat_smile 😅
sob 😭 cry 😢 disappointed 😞 confused 😕 thinking_face 🤔 neutral_face 😐 scream 😱 angry 😠
rage 😡 heart_eyes 😍 sunglasses 😎 sleeping 😴 upside_down_face 🙃 face_palm 🤦 facepalm 🤦
shrug 🤷 partying_face 🥳 skull 💀 robot_face 🤖 heart ❤️ broken_heart 💔 100 💯 fire 🔥
tada 🎉 sparkles ✨ star ⭐ rocket 🚀 bulb 💡 bug 🐛 coffee ☕ beer 🍺 beers 🍻 cake 🍰 pizza 🍕
party_popper 🎉 trophy 🏆 moneybag 💰 bell 🔔 lock 🔒 key 🔑 zap ⚡ white_check_mark ✅
heavy_check_mark ✔️ ballot_box_with_check ☑️ x ❌ heavy_multiplication_x ✖️ warning ⚠️
no_entry ⛔ rotating_light 🚨 question ❓ exclamation ❗ heavy_plus_sign ➕ red_circle 🔴
large_blue_circle 🔵 green_circle 🟢 calendar 📅 date 📅 clock1 🕐 hourglass ⌛ memo 📝
pencil ✏️ paperclip 📎 link 🔗 email 📧 phone 📞 computer 💻 chart_with_upwards_trend 📈
bar_chart 📊 mag 🔍 speech_balloon 💬 arrow_right ➡️ arrow_left ⬅️ arrow_up ⬆️
arrow_down ⬇️ recycle ♻️ pushpin 📌
"""
_EMOJI = dict(zip(_NAMES.split()[::2], _NAMES.split()[1::2], strict=True))


def resolved(text: str) -> str:
    """`text` with `:tada:` and its like as characters, skin tones dropped."""
    if text.count(":") < 2:
        return text
    return _CODE.sub(lambda match: _EMOJI.get(match[1], match[0]), text)
