import time


def test_probe(bot, fake, person):
    anna = person()
    for q in ["/start","сколько держится эффект?","помогает ли ботокс от депрессии","сколько стоит","/topics","/help","/language","это больно? сколько держится эффект?","после","лоб", "уколы","глаза"]:
        t=time.time()
        anna.say(q)
        r = anna.replies(timeout=5)
        print(">",q, round(time.time()-t,2), [ (x.kind, x.text, x.buttons) for x in r])
    print(fake.get("calls", method="setmycommands"))
    print(bot.output)
    assert 0
