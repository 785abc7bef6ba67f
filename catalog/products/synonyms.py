"""What a food is also called, pure: other names (synonyms.csv, ours) and the common traditional characters."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

with (Path(__file__).parent / "synonyms.csv").open(encoding="utf-8", newline="") as _file:
    ALSO: Mapping[str, str] = {row["word"]: row["also"] for row in csv.DictReader(_file)}
"""Word in a name → what people who look for it also type, with spaces between. One way: 滩羊 is 羊肉, not every 羊肉 is 滩羊."""

_TRADITIONAL = (
    "灘鹽縣雞鴨鵝魚蝦豬貓馬駝鹿貝蠔蘋棗麥麵粉蕎蓧豆醬薑蔥蒜蘿蔔筍葉蓮藕蕓薹蘆薈薯藥蓯蓉黃連當歸參耆貞蘭銀種籽園農產區鄉鎮村廣東陝西寧內蒙古雲貴龍"
    "臺灣靜會結義歡壯藏維吾爾陽陰慶遼瀋濟鄭漢長瀘綿鐵嶺關門島嶼灣海邊灤滄衛興隴蘭羅盧盤紅綠藍紫黑白鮮凍乾濕臘醃燻烤煮罐頭禮盒裝條塊絲片顆粒"
    "級優質無機綠認證質檢測試驗標準號網點購買賣價錢斤兩個對雙組鍋飯餅餃湯麵線粽酥糖蜜漿油醋茶葉壺壇釀酒紹飲濃縮淨純爛熱鹹鮮嫩脆軟細"
    "蠶桑樹幹枝葡萄蘿蔔檸檬鳳梨龍眼荔枝柑橘楊梅櫻桃獼猴棗仁杏銀耳菇類鱒鯉鯽鱸鰱鱉羅蜆蟹鴿鵪鶉蛋"
)
_SIMPLIFIED = (
    "滩盐县鸡鸭鹅鱼虾猪猫马驼鹿贝蚝苹枣麦面粉荞莜豆酱姜葱蒜萝卜笋叶莲藕芸薹芦荟薯药苁蓉黄连当归参芪贞兰银种籽园农产区乡镇村广东陕西宁内蒙古云贵龙"
    "台湾静会结义欢壮藏维吾尔阳阴庆辽沈济郑汉长泸绵铁岭关门岛屿湾海边滦沧卫兴陇兰罗卢盘红绿蓝紫黑白鲜冻干湿腊腌熏烤煮罐头礼盒装条块丝片颗粒"
    "级优质无机绿认证质检测试验标准号网点购买卖价钱斤两个对双组锅饭饼饺汤面线粽酥糖蜜浆油醋茶叶壶坛酿酒绍饮浓缩净纯烂热咸鲜嫩脆软细"
    "蚕桑树干枝葡萄萝卜柠檬凤梨龙眼荔枝柑橘杨梅樱桃猕猴枣仁杏银耳菇类鳟鲤鲫鲈鲢鳖罗蚬蟹鸽鹌鹑蛋"
)
FOLDED: Mapping[int, str] = {ord(old): new for old, new in zip(_TRADITIONAL, _SIMPLIFIED, strict=True) if old != new}
"""For ``str.translate``: the traditional characters that stand in names of food and places here, as we write them."""


def also_called(text: str) -> str:
    """The other names of everything a text names, with spaces between."""
    return " ".join(also for word, also in ALSO.items() if word in text)
