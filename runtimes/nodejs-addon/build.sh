#!/bin/sh
# Makes /rapid-client.node as scripts/preinstall.sh of the client and node-gyp do, in an eighth of their time:
# without configure, cmake and make, and with a compiler that is unpacked and not installed.
set -eu

packages=/var/cache/apt/archives
tools=/build/tools
objects=/build/objects
client=/build/client
machine=$(uname -m)-linux-gnu
cores=$(nproc)
mkdir "$tools" "$objects"

# The compiler looks for its own parts beside itself, and for the system's below --sysroot.
apt-get update -qq
apt-get install -y -qq --no-install-recommends --download-only g++ xz-utils
ls "$packages"/*.deb | xargs -n 1 -P "$cores" sh -c "dpkg-deb --extract \"\$0\" $tools"
mkdir -p "$tools/lib/$machine"
ln -s /lib64 "$tools/" 2> /dev/null || true
for library in /lib/"$machine"/*.so.* /usr/lib/"$machine"/*.so.*; do
    [ -e "$tools$library" ] || ln -s "$library" "$tools$library"
done
export PATH="$tools/usr/bin:$PATH"
export LD_LIBRARY_PATH="$tools/usr/lib/$machine"
flags="--sysroot=$tools -O2 -fPIC -pipe"

cd "$client/deps"
mkdir curl aws
for name in curl aws-lambda-cpp; do
    # Packed on macOS, whose shadow of each file starts with a dot.
    tar -xJf $name.tar.xz --no-same-owner --warning=no-unknown-keyword --exclude='._*' -C ${name%%-*}
done

# curl speaks nothing but HTTP here: most of its files are empty then.
cp /build/curl_config.h curl/lib/
find curl/lib -name '*.c' | xargs -n 8 -P "$cores" sh -c '
    for source; do
        object=$(echo "$source" | tr / _)
        gcc '"$flags"' -w -fvisibility=hidden -DHAVE_CONFIG_H -DBUILDING_LIBCURL -DCURL_STATICLIB \
            -Icurl/include -Icurl/lib -c "$source" -o "'"$objects"'/${object%.c}.o"
    done' compile

sed 's/@PROJECT_VERSION@/0/; s/@PROJECT_VERSION_[A-Z]*@/0/' aws/src/version.cpp.in > aws/src/version.cpp
for source in aws/src/logging.cpp aws/src/runtime.cpp aws/src/version.cpp; do
    g++ $flags -std=c++11 -fno-exceptions -fno-rtti -fvisibility=hidden -DAWS_LAMBDA_LOG=0 -DCURL_STATICLIB \
        -Iaws/include -Icurl/include -c "$source" -o "$objects/$(basename "$source" .cpp).o"
done

# The binding asks for Node.js' whole headers, but calls Node-API only; with the stable headers alone
# the result works with every version of Node.js.
mkdir /build/empty
touch /build/empty/uv.h /build/empty/v8.h /build/empty/node.h
g++ $flags -std=c++17 -shared -DNAPI_VERSION=6 -DNODE_GYP_MODULE_NAME=rapid-client \
    -I/build/headers/include -I/build/wrapper -I/build/empty -Iaws/include -Icurl/include -DCURL_STATICLIB \
    "$client/src/native/rapid-client.cc" "$objects"/*.o -o /rapid-client.node -pthread
